// Receives or sends several datagrams in one system call.
//
// recvmmsg(2) and sendmmsg(2) are in Linux and FreeBSD, with the same structure. macOS has no public call for it: there the
// loop is ours, one system call a datagram.
#pragma once

#include <cerrno>
#include <sys/socket.h>
#include <sys/types.h>

namespace sluice::sys {

#if defined(__linux__) || defined(__FreeBSD__)

using ManyHeader = ::mmsghdr;

/// How many were received, or -1 with errno. Does not wait.
inline int receiveMany(int fd, ManyHeader* headers, unsigned count) noexcept {
  int received;
  do {
    received = static_cast<int>(::recvmmsg(fd, headers, count, MSG_DONTWAIT, nullptr));
  } while (received < 0 && errno == EINTR);
  return received;
}

/// How many were sent, or -1 with errno of the first that failed. Does not wait.
inline int sendMany(int fd, ManyHeader* headers, unsigned count) noexcept {
  int sent;
  do {
    sent = static_cast<int>(::sendmmsg(fd, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL));
  } while (sent < 0 && errno == EINTR);
  return sent;
}

#else

struct ManyHeader {
  msghdr msg_hdr;
  unsigned msg_len;
};

inline int receiveMany(int fd, ManyHeader* headers, unsigned count) noexcept {
  unsigned done = 0;
  for (; done < count; done++) {
    const ssize_t bytes = ::recvmsg(fd, &headers[done].msg_hdr, MSG_DONTWAIT);
    if (bytes < 0) break;
    headers[done].msg_len = static_cast<unsigned>(bytes);
  }
  return done > 0 ? static_cast<int>(done) : -1;
}

inline int sendMany(int fd, ManyHeader* headers, unsigned count) noexcept {
  unsigned done = 0;
  for (; done < count; done++) {
    const ssize_t bytes = ::sendmsg(fd, &headers[done].msg_hdr, MSG_DONTWAIT);
    if (bytes < 0) break;
    headers[done].msg_len = static_cast<unsigned>(bytes);
  }
  return done > 0 ? static_cast<int>(done) : -1;
}

#endif

}  // namespace sluice::sys
