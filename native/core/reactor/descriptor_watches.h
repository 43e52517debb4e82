// Descriptors of the program that somebody waits for: pipes, terminals, timers, sockets of others.
//
// They have a poller of their own, which the reactor's poller watches. So the numbers of the program and those of the
// reactor's connections can't meet: whatever the program asks to watch, no connection is touched by it. Nothing here reads,
// writes, or changes a flag of a descriptor.
//
// A descriptor is armed for one report. A close(2) takes it out of the poller in silence: stillArmed() finds that out.
#pragma once

#include <cstdint>
#include <vector>

#include "poller/poller.h"
#include "reactor/event.h"

namespace sluice {

/// What is waited for, and what was found: bits.
struct Readiness {
  static constexpr uint32_t kReadable = 1;  // a read would not wait: there are bytes, or the end, or an error
  static constexpr uint32_t kWritable = 2;  // a write would not wait
  static constexpr uint32_t kHangup =
      4;  // the other side has ended, or an error is pending; reported with one of the others
};

class DescriptorWatches {
 public:
  /// Asks the system, without waiting: what of `interest` holds for `fd`, or an errno value negated.
  static int look(int fd, uint32_t interest) noexcept;

  /// Returns 0 or an errno value.
  int open() noexcept { return poller_.open(); }
  /// Becomes readable when harvest() has something to report.
  int descriptor() const noexcept { return poller_.descriptor(); }

  /// Asks for one report of `fd`, with another interest than before if it is armed. Returns 0 or an errno value: EPERM for
  /// what can't be polled, such as a regular file.
  int arm(int fd, uint32_t interest) noexcept;
  /// As arm(), for one that was armed. ENOENT or EBADF: it was closed since, even if another has its number now.
  int stillArmed(int fd, uint32_t interest) noexcept;
  void disarm(int fd) noexcept { poller_.remove(fd); }

  /// A kDescriptorReady for each that has become ready. A hint, as all readiness is: look() tells what holds.
  void harvest(std::vector<Event>& events) noexcept;

 private:
  Poller poller_;
};

}  // namespace sluice
