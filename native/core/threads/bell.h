// What a thread that has no event loop sleeps by: any thread rings, the owner waits, with a time limit.
//
// A ring that comes before the wait ends it at once, so none is lost; several count as one.
#pragma once

#include <cerrno>
#include <cstdint>
#include <poll.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#else
#include <fcntl.h>
#endif

namespace sluice {

class Bell {
 public:
  Bell() noexcept {
#ifdef __linux__
    reader_ = writer_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
#else
    int ends[2];
    if (::pipe(ends) < 0) return;
    for (const int end : ends) {
      ::fcntl(end, F_SETFL, O_NONBLOCK);
      ::fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    reader_ = ends[0];
    writer_ = ends[1];
#endif
  }
  ~Bell() {
    if (reader_ >= 0) ::close(reader_);
    if (writer_ >= 0 && writer_ != reader_) ::close(writer_);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// False when the system had no descriptor to give.
  bool isOpen() const noexcept { return reader_ >= 0; }

  void ring() const noexcept {
    const uint64_t one = 1;
    while (::write(writer_, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  /// Until somebody rings, or for `timeoutMs`; -1: for ever.
  void wait(int timeoutMs) const noexcept {
    pollfd wanted{.fd = reader_, .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, timeoutMs) <= 0) return;
    uint64_t rings[8];
    while (::read(reader_, rings, sizeof rings) == static_cast<ssize_t>(sizeof rings)) {
    }
  }

 private:
  int reader_ = -1;
  int writer_ = -1;
};

}  // namespace sluice
