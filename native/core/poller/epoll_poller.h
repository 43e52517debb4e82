// The poller on epoll(7). See poller.h for the contract.
#pragma once

#include <cstdint>
#include <span>

#include "poller/poll_event.h"

namespace sluice {

class EpollPoller {
 public:
  static constexpr int kMaxEvents = 512;

  EpollPoller() noexcept = default;
  ~EpollPoller();
  EpollPoller(const EpollPoller&) = delete;
  EpollPoller& operator=(const EpollPoller&) = delete;

  /// Returns 0 or an errno value.
  int open() noexcept;
  /// The descriptor that becomes readable when events wait: what an outer loop polls.
  int descriptor() const noexcept { return fd_; }
  /// Returns 0 or an errno value.
  int add(int fd, uint64_t token) noexcept;
  void remove(int fd) noexcept;
  /// Events that wait now, at most kMaxEvents; valid until the next call. Never blocks.
  std::span<const PollEvent> harvest() noexcept;

 private:
  int fd_ = -1;
  PollEvent events_[kMaxEvents];
};

}  // namespace sluice
