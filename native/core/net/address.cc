#include "net/address.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace sluice {

namespace {

/// Of an interface's name, or of its number as text. 0: there is none.
uint32_t interfaceIndex(const char* name) noexcept {
  if (const unsigned int index = ::if_nametoindex(name); index != 0) return index;
  char* end = nullptr;
  const unsigned long number = *name >= '0' && *name <= '9' ? std::strtoul(name, &end, 10) : 0;
  return number > 0 && number <= UINT32_MAX && *end == '\0' ? static_cast<uint32_t>(number) : 0;
}

/// Only there does the same address mean several hosts, RFC 4007 section 5; elsewhere a scope is noise.
bool needsScope(const in6_addr& address) noexcept {
  return IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address);
}

bool ask(int fd, int (*what)(int, sockaddr*, socklen_t*), SocketAddress& out) noexcept {
  out = {};
  out.length = sizeof out.storage;
  return what(fd, out.raw(), &out.length) == 0;
}

}  // namespace

int SocketAddress::fromIp(const std::string& host, uint16_t port, SocketAddress& out) noexcept {
  out = {};
  if (host.find('\0') != std::string::npos) return EINVAL;  // inet_pton would stop there
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.length = sizeof(sockaddr_in);
    return 0;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  const size_t zone = host.find('%');
  if (::inet_pton(AF_INET6, host.substr(0, zone).c_str(), &v6->sin6_addr) != 1) return EINVAL;
  if (zone != std::string::npos) {
    const char* name = host.c_str() + zone + 1;
    if (*name == '\0') return EINVAL;
    v6->sin6_scope_id = interfaceIndex(name);
    if (v6->sin6_scope_id == 0) return ENODEV;
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  out.length = sizeof(sockaddr_in6);
  return 0;
}

int SocketAddress::fromPath(std::string_view path, SocketAddress& out) noexcept {
  out = {};
  auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
  const bool abstract = !path.empty() && path.front() == '\0';  // counted, where a path ends with a NUL
  if (path.empty() || path.size() + (abstract ? 0 : 1) > sizeof(un->sun_path)) return ENAMETOOLONG;
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return 0;
}

int SocketAddress::boundTo(int fd, SocketAddress& out) noexcept { return ask(fd, ::getsockname, out) ? 0 : errno; }

std::string_view SocketAddress::path() const noexcept {
  const auto* un = reinterpret_cast<const sockaddr_un*>(&storage);
  const size_t begin = offsetof(sockaddr_un, sun_path);
  if (family() != AF_UNIX || length <= begin) return {};
  const size_t size = length - begin;
  return {un->sun_path, un->sun_path[0] == '\0' ? size : ::strnlen(un->sun_path, size)};
}

PeerAddress PeerAddress::from(const SocketAddress& address) noexcept {
  PeerAddress peer;
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    std::memcpy(peer.ip.data(), &v4->sin_addr, 4);
    peer.port = ntohs(v4->sin_port);
    peer.family = AF_INET;
  } else if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    peer.port = ntohs(v6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      std::memcpy(peer.ip.data(), v6->sin6_addr.s6_addr + 12, 4);
      peer.family = AF_INET;
    } else {
      std::memcpy(peer.ip.data(), &v6->sin6_addr, 16);
      peer.family = AF_INET6;
      if (needsScope(v6->sin6_addr)) peer.scope = v6->sin6_scope_id;
    }
  } else {
    peer.family = AF_UNIX;
  }
  return peer;
}

PeerAddress PeerAddress::ofUnixPeer(int fd) noexcept {
  PeerAddress peer;
  peer.family = AF_UNIX;
  sys::PeerCredentials found{.pid = 0, .uid = 0, .gid = 0};
  sys::peerCredentials(fd, found);
  static_assert(sizeof found <= sizeof peer.ip);
  std::memcpy(peer.ip.data(), &found, sizeof found);
  return peer;
}

sys::PeerCredentials PeerAddress::credentials() const noexcept {
  sys::PeerCredentials credentials{.pid = 0, .uid = 0, .gid = 0};
  if (family == AF_UNIX) std::memcpy(&credentials, ip.data(), sizeof credentials);
  return credentials;
}

PeerAddress PeerAddress::unmapped() const noexcept {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (family != AF_INET6 || std::memcmp(ip.data(), kMapped, sizeof kMapped) != 0) return *this;
  PeerAddress v4;
  v4.family = AF_INET;
  v4.port = port;
  std::memcpy(v4.ip.data(), ip.data() + sizeof kMapped, 4);
  return v4;
}

std::string PeerAddress::host() const {
  if (family != AF_INET && family != AF_INET6) return {};
  char text[INET6_ADDRSTRLEN];
  if (::inet_ntop(family, ip.data(), text, sizeof text) == nullptr) return {};
  if (scope == 0) return text;
  char name[IF_NAMESIZE];
  return std::string(text) + '%' + (::if_indextoname(scope, name) != nullptr ? name : std::to_string(scope));
}

bool isConnectedToItself(int fd) noexcept {
  SocketAddress local;
  SocketAddress remote;
  if (!ask(fd, ::getsockname, local) || !ask(fd, ::getpeername, remote)) return false;
  return local.family() != AF_UNIX && PeerAddress::from(local) == PeerAddress::from(remote);
}

}  // namespace sluice
