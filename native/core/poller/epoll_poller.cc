#include "poller/epoll_poller.h"

#include <cerrno>
#include <sys/epoll.h>
#include <unistd.h>

namespace sluice {

EpollPoller::~EpollPoller() {
  if (fd_ >= 0) ::close(fd_);
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

std::span<const PollEvent> EpollPoller::harvest(int timeoutMs) noexcept {
  epoll_event ready[kMaxEvents];
  int count;
  do {
    count = ::epoll_wait(fd_, ready, kMaxEvents, timeoutMs);
  } while (count < 0 && errno == EINTR && timeoutMs == 0);  // a wait may end early
  if (count < 0) count = 0;
  for (int i = 0; i < count; i++) {
    const uint32_t bits = ready[i].events;
    events_[i] = {.token = ready[i].data.u64,
                  .readable = (bits & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                  .writable = (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                  .hangup = (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                  .urgent = (bits & EPOLLPRI) != 0};
  }
  return {events_, static_cast<size_t>(count)};
}

}  // namespace sluice
