// Options of a connected stream socket.
#pragma once

namespace sluice {

struct SocketOptions {
  bool noDelay = true;       // TCP_NODELAY: RFC 896's algorithm off
  int keepAliveSeconds = 0;  // idle time before the first keep-alive probe; 0: no probes
};

/// Applies the options that `family` knows. Failures are ignored: each is a preference, and the connection works
/// without it.
void applySocketOptions(int fd, int family, const SocketOptions& options) noexcept;

}  // namespace sluice
