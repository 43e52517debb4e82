// A descriptor that any thread can make readable, to end a wait in a poller.
//
// It is written and never read: pollers are edge-triggered, and each write is an edge. (eventfd(2) counts to 2^64; a pipe
// would fill up and has to be read.)
#pragma once

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

namespace sluice {

class WakeUp {
 public:
  WakeUp() noexcept : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~WakeUp() {
    if (fd_ >= 0) ::close(fd_);
  }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  /// -1 when the system had none to give.
  int descriptor() const noexcept { return fd_; }
  void ring() const noexcept {
    const uint64_t one = 1;
    while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

 private:
  const int fd_;
};

}  // namespace sluice
