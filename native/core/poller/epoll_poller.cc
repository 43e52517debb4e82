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

int EpollPoller::add(int fd, uint64_t token) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = token;
  return ::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) < 0 ? errno : 0;
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
                  .readable = (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                  .writable = (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                  .hangup = (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0};
  }
  return {events_, static_cast<size_t>(count)};
}

}  // namespace sluice
