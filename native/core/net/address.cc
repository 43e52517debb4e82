#include "net/address.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace sluice {

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
    v6->sin6_scope_id = ::if_nametoindex(host.c_str() + zone + 1);
    if (v6->sin6_scope_id == 0) return EINVAL;
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  out.length = sizeof(sockaddr_in6);
  return 0;
}

int SocketAddress::fromPath(std::string_view path, SocketAddress& out) noexcept {
  out = {};
  auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
  if (path.empty() || path.size() >= sizeof(un->sun_path)) return ENAMETOOLONG;
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  const bool abstract = path.front() == '\0';
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return 0;
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
    }
  } else {
    peer.family = AF_UNIX;
  }
  return peer;
}

std::string PeerAddress::host() const {
  if (family != AF_INET && family != AF_INET6) return {};
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(family, ip.data(), text, sizeof text) != nullptr ? text : "";
}

}  // namespace sluice
