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
  /// Registers for one event, after which nothing is reported until rearm(). Both return 0 or an errno value.
  int armOnce(int fd, uint64_t token, bool reading, bool writing) noexcept;
  /// ENOENT when the descriptor behind the number `fd` is not registered.
  int rearm(int fd, uint64_t token, bool reading, bool writing) noexcept;
  void remove(int fd) noexcept;
  /// From here on wake() may be called. Returns 0 or an errno value.
  int enableWake() noexcept;
  /// By any thread.
  void wake() const noexcept;
  /// Waits until there are events, `timeoutMs` at most (0: not at all, -1: for ever), and returns up to kMaxEvents of
  /// them; valid until the next call.
  std::span<const PollEvent> harvest(int timeoutMs) noexcept;

 private:
  int control(int operation, int fd, uint64_t token, uint32_t bits) noexcept;

  /// Of the descriptor that wake() writes to: all ones is no connection's, listener's or anybody else's.
  static constexpr uint64_t kWakeToken = UINT64_MAX;

  int fd_ = -1;
  int wakeFd_ = -1;
  PollEvent events_[kMaxEvents];
};

}  // namespace sluice
