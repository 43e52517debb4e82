// Options of a connected stream socket.
#pragma once

namespace sluice {

struct SocketOptions {
  bool noDelay = true;      // TCP_NODELAY: RFC 896's algorithm off
  int keepAliveIdleS = 0;   // silence before the first keep-alive probe, in seconds; 0: no probes
  int keepAliveEveryS = 0;  // between two probes; 0: as the system has it
  int keepAliveProbes = 0;  // unanswered ones that end the connection; 0: as the system has it
  int userTimeoutMs = 0;    // how long output may stay unacknowledged, RFC 5482; 0: as the system has it
};

/// Applies the options that `family` knows. Failures are ignored: each is a preference, and the connection works
/// without it.
void applySocketOptions(int fd, int family, const SocketOptions& options) noexcept;

}  // namespace sluice
