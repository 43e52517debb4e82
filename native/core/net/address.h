// Socket addresses: what bind(2) and connect(2) want, and the compact form that a connection keeps of its peer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace sluice {

/// A resolved address. Host names are resolved before they get here.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const noexcept { return storage.ss_family; }
  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* raw() noexcept { return reinterpret_cast<sockaddr*>(&storage); }

  /// `host` is an IPv4 or IPv6 literal, the latter with an optional zone ("fe80::1%eth0"). Returns 0 or EINVAL.
  static int fromIp(const std::string& host, uint16_t port, SocketAddress& out) noexcept;
  /// A unix(7) path; one that begins with NUL is in the abstract namespace. Returns 0 or ENAMETOOLONG.
  static int fromPath(std::string_view path, SocketAddress& out) noexcept;
};

/// The peer's address in 20 bytes: 19,000 idle connections must not pay for sockaddr_storage each.
struct PeerAddress {
  std::array<uint8_t, 16> ip{};
  uint16_t port = 0;
  uint16_t family = 0;

  bool operator==(const PeerAddress&) const = default;
  static PeerAddress from(const SocketAddress& address) noexcept;
  /// The numeric host, empty for unix sockets. An IPv4-mapped IPv6 address is written as IPv4.
  std::string host() const;
};

/// Two peers are at one address when family and IP agree, whatever their ports.
struct SameHost {
  bool operator()(const PeerAddress& a, const PeerAddress& b) const noexcept {
    return a.family == b.family && a.ip == b.ip;
  }
};
struct HostHash {
  size_t operator()(const PeerAddress& a) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(a.ip.data()), a.ip.size()});
  }
};

}  // namespace sluice
