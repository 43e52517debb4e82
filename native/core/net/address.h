// Socket addresses: what bind(2) and connect(2) want, and the compact form that a connection keeps of its peer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include "net/sys/peer_credentials.h"

namespace sluice {

/// A resolved address. Host names are resolved before they get here.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const noexcept { return storage.ss_family; }
  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* raw() noexcept { return reinterpret_cast<sockaddr*>(&storage); }

  /// `host` is an IPv4 or IPv6 literal, the latter with an optional zone: an interface's name or its number
  /// ("fe80::1%eth0", RFC 4007). Returns 0, EINVAL, or ENODEV when no interface has that name.
  static int fromIp(const std::string& host, uint16_t port, SocketAddress& out) noexcept;
  /// A unix(7) path; one that begins with NUL is in the abstract namespace. Returns 0 or ENAMETOOLONG.
  static int fromPath(std::string_view path, SocketAddress& out) noexcept;
  /// What a socket is bound to, getsockname(2). Returns 0 or an errno value.
  static int boundTo(int fd, SocketAddress& out) noexcept;
  /// A unix socket's path; an abstract name begins with NUL. Empty for one without a name, and for IP.
  std::string_view path() const noexcept;
};

/// The peer's address in 24 bytes: 19,000 idle connections must not pay for sockaddr_storage each.
struct PeerAddress {
  std::array<uint8_t, 16> ip{};  // of a unix peer: its credentials
  uint32_t scope = 0;            // the interface of a link-local address, without which it names nobody
  uint16_t port = 0;
  uint16_t family = 0;

  bool operator==(const PeerAddress&) const = default;
  static PeerAddress from(const SocketAddress& address) noexcept;
  /// An IPv4-mapped IPv6 address as the IPv4 address that it is.
  PeerAddress unmapped() const noexcept;
  /// Of a connected unix socket, whose peer has credentials in place of an address.
  static PeerAddress ofUnixPeer(int fd) noexcept;
  /// The numeric host, empty for unix sockets. An IPv4-mapped IPv6 address is written as IPv4, a link-local one with its zone.
  std::string host() const;
  /// Of a unix peer, noted when it was connected; all zero where the system did not tell.
  sys::PeerCredentials credentials() const noexcept;
};

/// Whether the other end of a connected TCP socket is the socket itself. connect(2) to a free port of this machine can pick
/// that same port as its own; two SYNs that cross make a connection, RFC 9293 section 3.5, and this one meets itself.
bool isConnectedToItself(int fd) noexcept;

/// Two peers are at one address when family and IP agree, whatever their ports.
struct SameHost {
  bool operator()(const PeerAddress& a, const PeerAddress& b) const noexcept {
    return a.family == b.family && a.ip == b.ip && a.scope == b.scope;
  }
};
struct HostHash {
  size_t operator()(const PeerAddress& a) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(a.ip.data()), a.ip.size()});
  }
};

}  // namespace sluice
