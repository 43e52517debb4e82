// Keep-alive probes of a TCP connection: RFC 9293, section 3.8.4.
//
// The option that holds the time of silence before the first probe is TCP_KEEPIDLE on Linux and FreeBSD (tcp(7), tcp(4)) and
// TCP_KEEPALIVE on macOS. The interval and the count have one name everywhere.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sluice::sys {

/// Probes after `idleSeconds` of silence, every `everySeconds`, and gives up after `probes` without an answer. 0 leaves the
/// system's default in place.
inline void setKeepAlive(int fd, int idleSeconds, int everySeconds, int probes) noexcept {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#if defined(TCP_KEEPIDLE)
  constexpr int kIdle = TCP_KEEPIDLE;
#else
  constexpr int kIdle = TCP_KEEPALIVE;
#endif
  if (idleSeconds > 0) ::setsockopt(fd, IPPROTO_TCP, kIdle, &idleSeconds, sizeof idleSeconds);
  if (everySeconds > 0) ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &everySeconds, sizeof everySeconds);
  if (probes > 0) ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/// How long sent data may go without an acknowledgement before the connection is given up: TCP_USER_TIMEOUT, RFC 5482.
/// Linux alone has it. False elsewhere.
inline bool setUserTimeout([[maybe_unused]] int fd, [[maybe_unused]] unsigned ms) noexcept {
#ifdef TCP_USER_TIMEOUT
  return ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms) == 0;
#else
  return false;
#endif
}

}  // namespace sluice::sys
