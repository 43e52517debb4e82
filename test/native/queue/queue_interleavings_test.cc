// Every way in which a few threads can run on each structure, at capacities that make them collide, with counters that
// wrap; and the same with bugs planted, which must be found.
#include "support/exploring.h"

#include <array>
#include <iostream>
#include <memory>
#include <optional>

#include "queue/byte_ring.h"
#include "queue/lane.h"
#include "queue/slot_queue.h"
#include "queue/steal_deque.h"
#include "queue/wait_set.h"

namespace sluice::testing_support {
namespace {

/// What threads have taken: each value at most once, and in the end each value that went in.
class Tally {
 public:
  void took(Execution& run, uint32_t value) {
    run.check(value != 0 && value < taken_.size(), "took what nobody put in");
    run.check(!taken_.at(value), "took a value twice");
    taken_.at(value) = true;
  }
  void put(uint32_t value) { put_.at(value) = true; }
  void compare(Execution& run) const { run.check(put_ == taken_, "lost a value"); }

 private:
  std::array<bool, 8> put_{};
  std::array<bool, 8> taken_{};
};

using Queue = SlotQueue<ModelWords>;
using Ring = ByteRing<ModelWords>;
using Deque = StealDeque<ModelWords>;
using Set = WaitSet<ModelWords, const ModelWakers>;

constexpr uint32_t kPayloadBytes = 4;

bool push(const Queue& queue, const ModelWords& words, uint32_t value) {
  const SlotClaim claim = queue.claimPush();
  if (!claim) return false;
  words.write(queue.payload(claim.position), value);
  queue.setLength(claim.position, kPayloadBytes);
  queue.publish(claim);
  return true;
}

uint32_t pop(const Queue& queue, const ModelWords& words) {
  const SlotClaim claim = queue.claimPop();
  if (!claim) return 0;
  const uint32_t value = words.read(queue.payload(claim.position));
  queue.release(claim);
  return value;
}

/// Where counters begin: at 0, and one before they wrap.
struct Size {
  uint32_t capacity;
  uint32_t first;
};
void PrintTo(const Size& size, std::ostream* out) { *out << size.capacity << " from " << size.first; }

class AtEachSize : public testing::TestWithParam<Size> {};
INSTANTIATE_TEST_SUITE_P(Sizes, AtEachSize,
                         testing::Values(Size{1, 0}, Size{2, 0}, Size{4, 0}, Size{1, ~0U}, Size{2, ~0U}, Size{4, ~0U}));

Program producersAndConsumers(Size size) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, size.capacity, kPayloadBytes, size.first);
    auto tally = std::make_shared<Tally>();
    for (uint32_t id = 1; id <= 2; id++) {
      run.thread([words, tally, id] {
        if (push(Queue(words, id), words, id)) tally->put(id);
      });
    }
    run.thread([&run, words, tally] {
      const Queue queue(words, 3);
      for (int i = 0; i < 2; i++)
        if (const uint32_t value = pop(queue, words)) tally->took(run, value);
    });
    run.atEnd([&run, words, tally] {
      const Queue queue(words, 4);
      while (const uint32_t value = pop(queue, words)) tally->took(run, value);
      tally->compare(run);
    });
  };
}

TEST_P(AtEachSize, SlotQueueGivesEachValueOnce) { passes(producersAndConsumers(GetParam())); }

TEST_P(AtEachSize, SlotQueueKeepsTheOrderOfAProducer) {
  passes([size = GetParam()](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, size.capacity, kPayloadBytes, size.first);
    auto pushed = std::make_shared<uint32_t>(0);
    auto last = std::make_shared<uint32_t>(0);
    run.thread([words, pushed] {
      const Queue queue(words, 1);
      for (uint32_t value = 1; value <= 3; value++)
        if (push(queue, words, *pushed + 1)) ++*pushed;
    });
    run.thread([&run, words, last] {
      const Queue queue(words, 2);
      for (int i = 0; i < 3; i++) {
        const uint32_t value = pop(queue, words);
        run.check(value == 0 || value == *last + 1, "out of order");
        if (value != 0) *last = value;
      }
    });
    run.atEnd([&run, words, pushed, last] {
      const Queue queue(words, 3);
      while (const uint32_t value = pop(queue, words)) run.check(value == ++*last, "out of order");
      run.check(*last == *pushed, "lost a value");
    });
  });
}

Program batches(Size size) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, size.capacity, kPayloadBytes, size.first);
    auto tally = std::make_shared<Tally>();
    const auto pushMany = [words, tally](const Queue& queue, uint32_t value, uint32_t max) {
      const SlotClaim claim = queue.claimPush(max);
      if (!claim) return;
      for (uint32_t i = 0; i < claim.count; i++) {
        words.write(queue.payload(claim.position + i), value + i);
        queue.setLength(claim.position + i, kPayloadBytes);
      }
      queue.publish(claim);
      for (uint32_t i = 0; i < claim.count; i++) tally->put(value + i);
    };
    const auto popMany = [&run, words, tally](const Queue& queue, uint32_t max) {
      const SlotClaim claim = queue.claimPop(max);
      if (!claim) return false;
      for (uint32_t i = 0; i < claim.count; i++) tally->took(run, words.read(queue.payload(claim.position + i)));
      queue.release(claim);
      return true;
    };
    run.thread([words, pushMany] {
      const Queue queue(words, 1);
      pushMany(queue, 1, 2);
      pushMany(queue, 3, 2);
    });
    run.thread([words, popMany] { popMany(Queue(words, 2), 1); });
    run.thread([words, popMany] { popMany(Queue(words, 3), 3); });
    run.atEnd([&run, words, popMany, tally] {
      while (popMany(Queue(words, 4), 4)) {
      }
      tally->compare(run);
    });
  };
}

TEST_P(AtEachSize, SlotQueueMovesBatches) { passes(batches(GetParam())); }

TEST_P(AtEachSize, SlotQueueIsSweptByTwoAfterADeath) {
  passes([size = GetParam()](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, size.capacity, kPayloadBytes, size.first);
    const ModelWakers wakers(run);
    auto swept = std::make_shared<uint32_t>(0);
    const uint32_t claimed = Queue(words, 1).claimPush(2).count;  // and thread 1 dies
    wakers.die(1);
    for (uint32_t id = 2; id <= 3; id++)
      run.thread([words, wakers, swept, id] { *swept += Queue(words, id).sweep(wakers).unsent; });
    run.thread([&run, words] { run.check(pop(Queue(words, 4), words) == 0, "took what was never sent"); });
    run.atEnd([&run, words, swept, claimed] {
      const Queue queue(words, 4);
      run.check(*swept == claimed, "counted a claim twice, or not at all");
      run.check(pop(queue, words) == 0, "took what was never sent");
      run.check(push(queue, words, 5) && pop(queue, words) == 5, "a slot was lost");
    });
  });
}

struct ShutMistakes {
  bool flagBesideTheTail = false;
};

/// Two producers, one that shuts the queue, and a consumer that takes until it sees that nothing will come.
Program shutting(Size size, ShutMistakes mistakes = {}) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, size.capacity, kPayloadBytes, size.first);
    const ModelWords flag(run, 4096);
    const auto isShut = [flag, mistakes](const Queue& queue) {
      return mistakes.flagBesideTheTail ? flag.load(0) != 0 : queue.isShut();
    };
    auto tally = std::make_shared<Tally>();
    auto wasShut = std::make_shared<bool>(false);
    for (uint32_t id = 1; id <= 2; id++) {
      run.thread([&run, words, tally, wasShut, isShut, mistakes, id] {
        const Queue queue(words, id);
        const bool tooLate = *wasShut;
        if (mistakes.flagBesideTheTail && isShut(queue)) return;
        if (!push(queue, words, id)) return;
        run.check(!tooLate, "pushed after it was shut");
        tally->put(id);
      });
    }
    run.thread([words, flag, wasShut, mistakes] {
      if (mistakes.flagBesideTheTail)
        flag.store(0, 1);
      else
        Queue(words, 3).shut();
      *wasShut = true;
    });
    auto ended = std::make_shared<bool>(false);
    run.thread([&run, words, tally, isShut, ended] {
      const Queue queue(words, 4);
      for (int looks = 0; looks < 3; looks++) {
        const bool over = isShut(queue) && queue.length() == 0;
        if (const uint32_t value = pop(queue, words)) {
          run.check(!over, "took a value after the end");
          tally->took(run, value);
        } else if (over) {
          *ended = true;
          return;
        }
      }
    });
    run.atEnd([&run, words, tally, ended] {
      const Queue queue(words, 5);
      while (const uint32_t value = pop(queue, words)) {
        run.check(!*ended, "a value came after the end");
        tally->took(run, value);
      }
      tally->compare(run);
      run.check(queue.length() == 0, "counts what is not there");
      run.check(!push(queue, words, 6), "pushed after it was shut");
    });
  };
}

TEST_P(AtEachSize, SlotQueueTakesNothingOnceItIsShut) { passes(shutting(GetParam())); }

/// Two producers, and a consumer that reads and releases by turns; records of 8 and of 24 bytes in a ring that holds 64, and
/// a start from which one of them must skip the ring's end.
Program ringOfRecords(uint32_t first, int produces = 1) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Ring::create(words, 64, first);
    const ModelWakers wakers(run);
    auto tally = std::make_shared<Tally>();
    for (uint32_t id = 1; id <= 2; id++) {
      run.thread([words, tally, id, produces] {
        const Ring ring(words, id);
        for (int i = 0; i < produces; i++) {
          const uint32_t value = id + 2 * static_cast<uint32_t>(i);
          const RingRecord record = ring.claim(id == 1 ? 8 : 24);
          if (!record) return;
          words.write(record.firstWord, value);
          words.write(record.firstWord + record.bytes / 4 - 1, value);
          ring.commit(record);
          tally->put(value);
        }
      });
    }
    const auto drain = [&run, words, wakers, tally](Ring& ring) {
      bool any = false;
      while (const RingRecord record = ring.read(wakers)) {
        const uint32_t value = words.read(record.firstWord);
        run.check(words.read(record.firstWord + record.bytes / 4 - 1) == value, "a record is torn");
        tally->took(run, value);
        any = true;
      }
      ring.release();
      return any;
    };
    run.thread([words, drain] {
      Ring ring(words, 3);
      drain(ring);
      drain(ring);
    });
    run.atEnd([&run, words, drain, tally] {
      Ring ring(words, 4);
      while (drain(ring)) {
      }
      tally->compare(run);
    });
  };
}

TEST(Interleavings, ByteRingKeepsRecordsWhole) { passes(ringOfRecords(0)); }
TEST(Interleavings, ByteRingSkipsItsEnd) { passes(ringOfRecords(6)); }
TEST(Interleavings, ByteRingWrapsItsCounters) { passes(ringOfRecords(~0U)); }
TEST(Interleavings, ByteRingFillsAndEmpties) { passes(ringOfRecords(~0U - 1, stressed() ? 2 : 1)); }

TEST(Interleavings, ByteRingSkipsTheClaimOfTheDead) {
  for (const bool commits : {false, true}) {
    passes([commits](Execution& run) {
      const ModelWords words(run, 0);
      Ring::create(words, 64, 5);
      const ModelWakers wakers(run);
      auto got = std::make_shared<uint32_t>(0);
      run.thread([words, wakers, commits] {
        const Ring ring(words, 1);
        const RingRecord record = ring.claim(8);
        words.write(record.firstWord, 1);
        if (commits) ring.commit(record);
        wakers.die(1);
      });
      run.thread([words] {
        const Ring ring(words, 2);
        const RingRecord record = ring.claim(8);
        words.write(record.firstWord, 2);
        ring.commit(record);
      });
      const auto read = [words, wakers, got](Ring& ring) {
        while (const RingRecord record = ring.read(wakers)) *got += words.read(record.firstWord);
        ring.release();
      };
      run.thread([words, read] {
        Ring ring(words, 3);
        read(ring);
      });
      run.atEnd([&run, words, read, got, commits] {
        Ring ring(words, 4);
        read(ring);
        run.check(*got == (commits ? 3U : 2U), "what was committed counts, and nothing else");
      });
    });
  }
}

/// The steps of a lane's runner, as lib/memory/lane.ts has them.
struct LaneRunner {
  ModelWords words;
  uint32_t thread;

  bool take() const { return words.compareExchange(layout::kRingLane, layout::kLaneRunnable, thread); }
  bool finish(bool looksAgain) const {
    words.store(layout::kRingLane, layout::kLaneIdle);
    return looksAgain && isReady() && scheduleLane(words);
  }
  /// Another thread may have the ring by now and zero what is looked at: then it does not matter what this answers.
  bool isReady() const {
    const uint32_t unit = words.load(layout::kHead) & (words.read(layout::kCapacity) / layout::kRingUnitBytes - 1);
    const uint32_t state = words.peek(layout::kRingRecords + 2 * unit) & layout::kRecordState;
    return state != 0 && state != layout::kRecordClaimed;
  }
};

/// Two producers of one lane, and two runners who take it whenever it has been queued: `queued` is the run queue.
Program laneWithRunners(bool looksAgain) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Ring::create(words, 64);
    const ModelWakers wakers(run);
    const ModelWords queued(run, 4096);
    auto tally = std::make_shared<Tally>();
    const auto enqueue = [queued] { queued.exchange(0, 1); };
    for (uint32_t id = 1; id <= 2; id++) {
      run.thread([words, tally, enqueue, id] {
        const Ring ring(words, id);
        const RingRecord record = ring.claim(8);
        words.write(record.firstWord, id);
        ring.commit(record);
        tally->put(id);
        if (scheduleLane(words)) enqueue();
      });
    }
    const auto runLane = [&run, words, wakers, queued, tally, enqueue, looksAgain](uint32_t id) {
      if (queued.exchange(0, 0) == 0) return false;
      const LaneRunner lane{words, id};
      if (!lane.take()) return true;
      Ring ring(words, id);
      while (const RingRecord record = ring.read(wakers)) tally->took(run, words.read(record.firstWord));
      ring.release();
      if (lane.finish(looksAgain)) enqueue();
      return true;
    };
    run.thread([runLane] {
      runLane(3);
      runLane(3);
    });
    run.thread([runLane] { runLane(4); });
    run.atEnd([&run, runLane, tally] {
      while (runLane(3)) {
      }
      tally->compare(run);
    });
  };
}

TEST(Interleavings, LaneRunsInOnePlaceAndLeavesNothing) { passes(laneWithRunners(true)); }

Program ownerAndThieves(Size size) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Deque::create(words, size.capacity, size.first);
    auto tally = std::make_shared<Tally>();
    const auto take = [&run, tally](std::optional<uint32_t> value) {
      if (value) tally->took(run, *value);
    };
    run.thread([words, tally, take] {
      const Deque deque(words);
      for (const uint32_t value : {1U, 2U})
        if (deque.push(value)) tally->put(value);
      take(deque.pop());
      if (stressed() && deque.push(3)) tally->put(3);
      take(deque.pop());
      if (stressed()) take(deque.pop());
    });
    for (int thieves = 0; thieves < 2; thieves++) {
      run.thread([words, take] {
        const Deque deque(words);
        take(deque.steal());
      });
    }
    run.atEnd([&run, words, take, tally] {
      const Deque deque(words);
      while (const std::optional<uint32_t> value = deque.steal()) take(value);
      tally->compare(run);
    });
  };
}

TEST_P(AtEachSize, StealDequeGivesEachNumberOnce) { passes(ownerAndThieves(GetParam())); }

struct Mistakes {
  bool noSecondLook = false;
  bool keepsTheWake = false;
};

/// A producer of `values` values, and as many consumers, each of which sleeps until it has one; one more, if asked for,
/// that gives up instead of sleeping.
Program parking(uint32_t consumers, bool oneGivesUp, Mistakes mistakes = {}) {
  return [=](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, 2, kPayloadBytes);
    const ModelWords waiting(run, 4096);
    auto wakers = std::make_shared<const ModelWakers>(run);
    run.thread([words, waiting, wakers, consumers] {
      const Queue queue(words, 1);
      Set set(waiting, *wakers, 1);
      for (uint32_t value = 1; value <= consumers; value++) {
        push(queue, words, value);
        if (set.occupied()) set.wakeOne();
      }
    });
    for (uint32_t id = 2; id < 2 + consumers; id++) {
      run.thread([words, waiting, wakers, mistakes, id] {
        const Queue queue(words, id);
        Set set(waiting, *wakers, id);
        uint32_t value = pop(queue, words);
        while (value == 0) {
          set.park();
          if (!mistakes.noSecondLook) value = pop(queue, words);
          if (value != 0) {
            if (!set.unpark() && !mistakes.keepsTheWake) set.wakeOne();
            break;
          }
          wakers->sleep(id);
          value = pop(queue, words);
          if (value != 0 && !set.unpark() && !mistakes.keepsTheWake) set.wakeOne();
        }
      });
    }
    if (oneGivesUp) {
      run.thread([waiting, wakers, mistakes] {
        Set set(waiting, *wakers, 4);
        set.park();
        if (!set.unpark() && !mistakes.keepsTheWake) set.wakeOne();
      });
    }
  };
}

TEST(Interleavings, ParkingLosesNoWake) {
  passes(parking(1, false));
  if (stressed()) passes(parking(2, false));  // two million states
}

/// As `parking`, for what is but a number of things: two takers, in fewer steps.
TEST(Interleavings, ParkingOfSeveralLosesNoWake) {
  passes([](Execution& run) {
    const ModelWords things(run, 0);
    const ModelWords waiting(run, 4096);
    auto wakers = std::make_shared<const ModelWakers>(run);
    const auto take = [things] {
      for (;;) {
        const uint32_t count = things.load(0);
        if (count == 0) return false;
        if (things.compareExchange(0, count, count - 1)) return true;
      }
    };
    run.thread([things, waiting, wakers] {
      Set set(waiting, *wakers, 1);
      things.exchange(0, 2);
      for (int i = 0; i < 2; i++) set.wakeOne();
    });
    for (uint32_t id = 2; id <= 3; id++) {
      run.thread([waiting, wakers, take, id] {
        Set set(waiting, *wakers, id);
        for (;;) {
          set.park();
          if (take()) break;
          wakers->sleep(id);
        }
        if (!set.unpark()) set.wakeOne();
      });
    }
  });
}

TEST(Interleavings, ParkingLosesNoWakeToOneThatGivesUp) { passes(parking(1, true)); }

TEST(Interleavings, ParkingLosesNoWakeToTheDead) {
  passes([](Execution& run) {
    const ModelWords words(run, 0);
    Queue::create(words, 1, kPayloadBytes);
    const ModelWords waiting(run, 4096);
    auto wakers = std::make_shared<const ModelWakers>(run);
    run.thread([words, waiting, wakers] {  // publishes and wakes
      push(Queue(words, 1), words, 1);
      Set(waiting, *wakers, 1).wakeOne();
    });
    run.thread([waiting, wakers] {  // parks, and dies whatever happens
      Set(waiting, *wakers, 2).park();
      wakers->die(2);
    });
    run.thread([words, waiting, wakers] {
      const Queue queue(words, 3);
      Set set(waiting, *wakers, 3);
      for (;;) {
        set.park();
        if (pop(queue, words) != 0) return;
        wakers->sleep(3);
      }
    });
  });
}

// Planted bugs. Each takes one thing away that the structures rely on.

TEST(PlantedBug, SlotPublishedWithARelaxedStore) {
  fails(weakened(producersAndConsumers({2, 0}), Order::kRelaxed, storesTo(layout::kSlots)), "race");
}

TEST(PlantedBug, SlotClaimedWithARelaxedExchange) {
  const auto moves = [](Access access) {
    return access.kind == Access::Kind::kExchange && access.index == layout::kHead;
  };
  fails(weakened(batches({4, 0}), Order::kRelaxed, moves), "");
}

TEST(PlantedBug, SlotFreedWithARelaxedStore) {
  const Size size{1, 0};
  fails(weakened(producersAndConsumers(size), Order::kRelaxed, storesTo(layout::kSlots)), "race");
}

TEST(PlantedBug, QueueShutByAFlagBesideTheTail) { fails(shutting({2, 0}, {.flagBesideTheTail = true}), "after"); }

TEST(PlantedBug, RecordCommittedWithARelaxedStore) {
  fails(weakened(ringOfRecords(0), Order::kRelaxed, storesTo(layout::kRingRecords)), "race");
}

TEST(PlantedBug, RingReleasedWithARelaxedStore) {
  fails(weakened(ringOfRecords(~0U - 1, 2), Order::kRelaxed, storesTo(layout::kHead)), "race");
}

TEST(PlantedBug, LaneGivenUpWithoutASecondLook) { fails(laneWithRunners(false), "lost a value"); }

TEST(PlantedBug, LaneGivenUpWithARelaxedStore) {
  fails(weakened(laneWithRunners(true), Order::kRelaxed, storesTo(layout::kRingLane)), "");
}

TEST(PlantedBug, DequeLoweredWithAReleaseStore) {
  fails(weakened(ownerAndThieves({4, 0}), Order::kRelease, storesTo(layout::kDequeBottom)), "twice");
}

TEST(PlantedBug, DequePublishedWithARelaxedStore) {
  fails(weakened(ownerAndThieves({4, 0}), Order::kRelaxed, storesTo(layout::kDequeBottom)), "");
}

TEST(PlantedBug, ParkedWithoutASecondLook) { fails(parking(1, false, {.noSecondLook = true}), "sleeps"); }

TEST(PlantedBug, PublishedWithAReleaseStoreBeforeLookingForSleepers) {
  fails(weakened(parking(1, false), Order::kRelease, storesTo(layout::kSlots)), "sleeps");
}

TEST(PlantedBug, WakeKeptByOneThatGaveUp) { fails(parking(1, true, {.keepsTheWake = true}), "sleeps"); }

}  // namespace
}  // namespace sluice::testing_support
