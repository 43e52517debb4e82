// The native half of lib/memory/lane.ts: the word that says who consumes a byte ring. Native threads fill lanes and
// JavaScript threads run them, so only the producer's step is here.
#pragma once

#include "queue/layout.h"
#include "queue/shared_words.h"

namespace sluice {

/// After a commit to the lane's ring. True: it has become runnable, and its number is the caller's to queue.
template <typename Words>
bool scheduleLane(const Words& words) noexcept {
  return words.load(layout::kRingLane) == layout::kLaneIdle &&
         words.compareExchange(layout::kRingLane, layout::kLaneIdle, layout::kLaneRunnable);
}

}  // namespace sluice
