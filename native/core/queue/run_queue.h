// The way into a worker pool for what a native thread makes runnable: the pool's queue of numbers, and the workers that
// sleep. The memory is laid out in lib/pool/pool-memory.ts.
#pragma once

#include <cstdint>

#include "queue/shared_words.h"
#include "queue/slot_queue.h"
#include "queue/wait_set.h"

namespace sluice {

struct RunQueueMemory {
  uint32_t* queue = nullptr;      // a slot queue
  uint32_t* idle = nullptr;       // a wait set
  uint32_t* searching = nullptr;  // bits of the workers that look for work
  uint32_t searchingWords = 0;
};

class RunQueue {
 public:
  RunQueue(const RunQueueMemory& memory, uint32_t thread) noexcept
      : words_(memory.queue),
        queue_(words_, thread),
        idle_(SharedWords(memory.idle), WakerRegistry::process(), thread),
        searching_(memory.searching),
        searchingWords_(memory.searchingWords) {}

  /// False: full.
  bool push(uint32_t number) const noexcept {
    const SlotClaim claim = queue_.claimPush();
    if (!claim) return false;
    words_.write(queue_.payload(claim.position), number);
    queue_.setLength(claim.position, sizeof number);
    queue_.publish(claim);
    return true;
  }

  /// After a push: a worker that has nothing to do must know, unless one is looking for work already, which wakes the next
  /// when it has found some. (A worker says that it looks no more before it parks, and looks again after it has parked: it
  /// sees the number, or is seen here.)
  void wakeForWork() noexcept {
    if (idle_.occupied() && !anySearching()) idle_.wakeOne();
  }

 private:
  bool anySearching() const noexcept {
    for (uint32_t i = 0; i < searchingWords_; i++) {
      if (searching_.load(i) != 0) return true;
    }
    return false;
  }

  SharedWords words_;
  SlotQueue<> queue_;
  WaitSet<> idle_;
  SharedWords searching_;
  uint32_t searchingWords_;
};

}  // namespace sluice
