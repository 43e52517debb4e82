#include "poller/epoll_poller.h"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace sluice {

EpollPoller::~EpollPoller() {
  if (fd_ >= 0) ::close(fd_);
  if (wakeFd_ >= 0) ::close(wakeFd_);
}

int EpollPoller::open() noexcept {
  fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  return fd_ < 0 ? errno : 0;
}

namespace {

uint32_t oneShot(bool reading, bool writing) noexcept {
  uint32_t bits = EPOLLONESHOT;
  if (reading) bits |= EPOLLIN | EPOLLRDHUP;
  if (writing) bits |= EPOLLOUT;
  return bits;
}

}  // namespace

int EpollPoller::control(int operation, int fd, uint64_t token, uint32_t bits) noexcept {
  epoll_event event{};
  event.events = bits;
  event.data.u64 = token;
  return ::epoll_ctl(fd_, operation, fd, &event) < 0 ? errno : 0;
}

int EpollPoller::add(int fd, uint64_t token) noexcept {
  return control(EPOLL_CTL_ADD, fd, token, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

int EpollPoller::armOnce(int fd, uint64_t token, bool reading, bool writing) noexcept {
  return control(EPOLL_CTL_ADD, fd, token, oneShot(reading, writing));
}

int EpollPoller::rearm(int fd, uint64_t token, bool reading, bool writing) noexcept {
  return control(EPOLL_CTL_MOD, fd, token, oneShot(reading, writing));
}

void EpollPoller::remove(int fd) noexcept {
  epoll_event event{};  // kernels before 2.6.9 want one even here
  ::epoll_ctl(fd_, EPOLL_CTL_DEL, fd, &event);
}

// An eventfd(2) that is written and never read: it is registered edge-triggered, and each write is an edge. (It counts to
// 2^64.)
int EpollPoller::enableWake() noexcept {
  if (wakeFd_ >= 0) return 0;
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) return errno;
  if (const int error = control(EPOLL_CTL_ADD, fd, kWakeToken, EPOLLIN | EPOLLET); error != 0) {
    ::close(fd);
    return error;
  }
  wakeFd_ = fd;
  return 0;
}

void EpollPoller::wake() const noexcept {
  const uint64_t one = 1;
  while (::write(wakeFd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

std::span<const PollEvent> EpollPoller::harvest(int timeoutMs) noexcept {
  epoll_event ready[kMaxEvents];
  int count;
  do {
    count = ::epoll_wait(fd_, ready, kMaxEvents, timeoutMs);
  } while (count < 0 && errno == EINTR && timeoutMs == 0);  // a wait may end early
  if (count < 0) count = 0;
  size_t found = 0;
  for (int i = 0; i < count; i++) {
    if (ready[i].data.u64 == kWakeToken) continue;
    const uint32_t bits = ready[i].events;
    events_[found++] = {.token = ready[i].data.u64,
                        .readable = (bits & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                        .writable = (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                        .hangup = (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                        .urgent = (bits & EPOLLPRI) != 0};
  }
  return {events_, found};
}

}  // namespace sluice
