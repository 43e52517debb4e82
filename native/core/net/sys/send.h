// Sends gathered pieces without waiting, and without SIGPIPE when the peer is gone.
//
// Linux and FreeBSD have a flag for a call without the signal. macOS has an option of the socket (SO_NOSIGPIPE), which
// nonblocking.h sets when a socket is made.
#pragma once

#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

namespace sluice::sys {

#ifdef MSG_NOSIGNAL
inline constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
inline constexpr int kSendFlags = MSG_DONTWAIT;
#endif

/// send(2) or sendmsg(2), again after EINTR.
inline ssize_t send(int fd, const iovec* pieces, int count) noexcept {
  ssize_t sent;
  do {
    if (count == 1) {  // the cheaper of the two calls
      sent = ::send(fd, pieces[0].iov_base, pieces[0].iov_len, kSendFlags);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
      sent = ::sendmsg(fd, &message, kSendFlags);
    }
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace sluice::sys
