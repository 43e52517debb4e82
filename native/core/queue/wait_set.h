// The native half of lib/memory/wait-set.ts: the threads that wait for one thing to happen. lib/memory/README.md has the
// protocol of parking and why no wake is lost.
//
// A native thread waits with it like this: park(), look once more, and only then sleep in whatever its wake function ends.
#pragma once

#include <bit>
#include <cstdint>

#include "queue/layout.h"
#include "queue/shared_words.h"
#include "queue/waker_registry.h"

namespace sluice {

template <typename Words = SharedWords, typename Wakers = WakerRegistry>
class WaitSet {
 public:
  /// Over a line of zeroed memory, or over that of a wait set in use. `thread`: the id that is to be woken.
  WaitSet(Words words, Wakers& wakers, uint32_t thread) noexcept : words_(words), wakers_(wakers), thread_(thread) {}

  bool occupied() const noexcept { return words_.load(layout::kWaitParked) != 0; }

  /// From here on the thread is woken. Look once more afterwards whether it happened before.
  void park() noexcept {
    if (bit_ == 0) bit_ = takeSeat();
    words_.fetchOr(layout::kWaitParked, bit_);
  }

  /// False: it has been chosen to be woken, or never parked. Whoever was chosen and leaves something for others calls
  /// wakeOne().
  bool unpark() noexcept {
    if (bit_ == 0) return false;
    if (bit_ == layout::kWaitStanding) return true;
    return (words_.fetchAnd(layout::kWaitParked, ~bit_) & bit_) != 0;
  }

  /// Wakes one parked thread. False when there was none. Call it after the thing has happened.
  bool wakeOne() noexcept {
    for (uint32_t parked = words_.load(layout::kWaitParked); parked != 0; parked = words_.load(layout::kWaitParked)) {
      const uint32_t later = parked & (~0U << next_);
      const auto seat = static_cast<uint32_t>(std::countr_zero(later != 0 ? later : parked));
      if ((words_.fetchAnd(layout::kWaitParked, ~(1U << seat)) & (1U << seat)) == 0) continue;
      next_ = (seat + 1) & 31;
      if (wakeSeat(seat)) return true;
    }
    return false;
  }

  void wakeAll() noexcept {
    if (!occupied()) return;
    for (uint32_t parked = words_.exchange(layout::kWaitParked, 0); parked != 0; parked &= parked - 1) {
      wakeSeat(static_cast<uint32_t>(std::countr_zero(parked)));
    }
  }

  /// Gives the seat back. What unpark() says about being chosen holds here too.
  bool leave() noexcept {
    const bool inTime = unpark();
    if (bit_ != 0 && bit_ != layout::kWaitStanding) words_.store(seatWord(std::countr_zero(bit_)), 0);
    bit_ = 0;
    return inTime;
  }

 private:
  static uint32_t seatWord(uint32_t seat) noexcept { return layout::kWaitSeats + seat; }

  bool wakeSeat(uint32_t seat) noexcept {
    if (seat < layout::kWaitSeatCount) return wakers_.wake(words_.load(seatWord(seat)));
    wakers_.wakeAll();
    return true;
  }

  uint32_t takeSeat() noexcept {
    for (uint32_t seat = 0; seat < layout::kWaitSeatCount; seat++) {
      const uint32_t holder = words_.load(seatWord(seat));
      if (holder != 0 && wakers_.isAlive(holder)) continue;
      if (words_.compareExchange(seatWord(seat), holder, thread_)) return 1U << seat;
    }
    return layout::kWaitStanding;
  }

  Words words_;
  Wakers& wakers_;
  uint32_t thread_;
  uint32_t bit_ = 0;
  uint32_t next_ = 0;
};

}  // namespace sluice
