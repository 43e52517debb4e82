#include "transport/plain.h"

#include <cerrno>
#include <sys/socket.h>

#include "net/sys/send.h"

namespace sluice {

constinit SharedPlainTransport sharedPlainTransport;

Transport::Received PlainTransport::receive(int fd, uint8_t* into, uint32_t length) noexcept {
  ssize_t count;
  do {
    count = ::recv(fd, into, length, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return {Io::kEnded};
  if (count < 0) return errno == EAGAIN ? Received{Io::kWait} : Received{.outcome = Io::kFailed, .error = errno};
  return {.outcome = Io::kDone, .wasShort = count < length, .bytes = static_cast<uint32_t>(count)};
}

Transport::Sent PlainTransport::send(int fd, const iovec* pieces, int count) noexcept {
  if (count == 0) return {Io::kDone};
  const ssize_t sent = sys::send(fd, pieces, count);
  if (sent >= 0) return {.outcome = Io::kDone, .bytes = static_cast<size_t>(sent)};
  return errno == EAGAIN ? Sent{Io::kDone} : Sent{.outcome = Io::kFailed, .error = errno};
}

Transport::Step PlainTransport::end(int fd) noexcept {
  ::shutdown(fd, SHUT_WR);
  return {Io::kDone};
}

}  // namespace sluice
