// Sockets that are born non-blocking and close at exec(3).
//
// Linux and FreeBSD take both as flags of socket(2) and accept4(2). macOS has neither flag nor accept4: there a fork in
// between can leak the descriptor, which nobody can mend.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::sys {

#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)

/// As socket(2).
inline int openSocket(int family, int type, int protocol = 0) noexcept {
  return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}
/// As accept(2).
inline int accept(int fd, sockaddr* remote, socklen_t* length) noexcept {
  return ::accept4(fd, remote, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

#else

inline int prepared(int fd) noexcept {
  if (fd < 0) return fd;
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return fd;
}
inline int openSocket(int family, int type, int protocol = 0) noexcept {
  return prepared(::socket(family, type, protocol));
}
inline int accept(int fd, sockaddr* remote, socklen_t* length) noexcept {
  return prepared(::accept(fd, remote, length));
}

#endif

}  // namespace sluice::sys
