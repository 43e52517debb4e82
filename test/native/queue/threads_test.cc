// The structures between real threads, for the sanitizers to watch: nothing lost, nothing twice, in order.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "queue/byte_ring.h"
#include "queue/slot_queue.h"
#include "queue/steal_deque.h"
#include "queue/wait_set.h"

namespace sluice {
namespace {

uint32_t scale() {
  const char* stress = std::getenv("SLUICE_STRESS");
  return stress != nullptr && std::string(stress) == "full" ? 100 : 1;
}

/// Zeroed memory on a line.
class Memory {
 public:
  explicit Memory(uint32_t words) : lines_(new Line[words / layout::kLineWords + 1]()) {}
  SharedWords words() const { return SharedWords(lines_[0].words); }

 private:
  struct alignas(layout::kLineBytes) Line {
    uint32_t words[layout::kLineWords];
  };
  std::unique_ptr<Line[]> lines_;
};

/// A native thread that sleeps until it is woken.
class Sleeper {
 public:
  explicit Sleeper(WakerRegistry& registry)
      : registry_(registry), id_(registry.add([](void* self) { static_cast<Sleeper*>(self)->wake(); }, this)) {}
  ~Sleeper() { registry_.remove(id_); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  uint32_t id() const { return id_; }
  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    woken_ = false;
  }

 private:
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }

  WakerRegistry& registry_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  uint32_t id_;
};

/// Each of `producers` sends its numbers, a batch of up to `batch` at a time, to `consumers` that sleep when there are none.
void exchangeNumbers(uint32_t capacity, uint32_t producers, uint32_t consumers, uint32_t batch) {
  const uint32_t perProducer = 20'000 * scale() / producers;
  const Memory memory(SlotQueue<>::wordsFor(capacity, 8));
  const Memory readers(layout::kLineWords);
  const Memory writers(layout::kLineWords);
  SlotQueue<>::create(memory.words(), capacity, 8, ~0U - 1000);
  auto registry = std::make_unique<WakerRegistry>();
  std::atomic<uint32_t> left{producers * perProducer};
  std::vector<std::thread> threads;
  for (uint32_t p = 0; p < producers; p++) {
    threads.emplace_back([&, p] {
      Sleeper sleeper(*registry);
      const SlotQueue<> queue(memory.words(), sleeper.id());
      WaitSet<> readable(readers.words(), *registry, sleeper.id());
      WaitSet<> writable(writers.words(), *registry, sleeper.id());
      for (uint32_t next = 0; next < perProducer;) {
        SlotClaim claim = queue.claimPush(std::min(batch, perProducer - next));
        if (!claim) {
          writable.park();
          claim = queue.claimPush(1);
          if (!claim) {
            sleeper.sleep();
            continue;
          }
        }
        for (uint32_t i = 0; i < claim.count; i++) {
          memory.words().write(queue.payload(claim.position + i), p);
          memory.words().write(queue.payload(claim.position + i) + 1, next++);
          queue.setLength(claim.position + i, 8);
        }
        queue.publish(claim);
        if (!writable.unpark()) writable.wakeOne();
        for (uint32_t i = 0; i < claim.count && readable.occupied(); i++) readable.wakeOne();
      }
    });
  }
  std::vector<std::atomic<uint64_t>> sums(producers);
  std::atomic<bool> ordered{true};
  for (uint32_t c = 0; c < consumers; c++) {
    threads.emplace_back([&] {
      Sleeper sleeper(*registry);
      const SlotQueue<> queue(memory.words(), sleeper.id());
      WaitSet<> readable(readers.words(), *registry, sleeper.id());
      WaitSet<> writable(writers.words(), *registry, sleeper.id());
      std::vector<int64_t> last(producers, -1);
      while (left != 0) {
        SlotClaim claim = queue.claimPop(batch);
        if (!claim) {
          readable.park();
          claim = queue.claimPop(batch);
          if (!claim) {
            if (left != 0) sleeper.sleep();
            continue;
          }
        }
        for (uint32_t i = 0; i < claim.count; i++) {
          const uint32_t p = memory.words().read(queue.payload(claim.position + i));
          const uint32_t number = memory.words().read(queue.payload(claim.position + i) + 1);
          if (number <= last[p]) ordered = false;
          last[p] = number;
          sums[p] += number;
        }
        queue.release(claim);
        if (!readable.unpark()) readable.wakeOne();
        for (uint32_t i = 0; i < claim.count && writable.occupied(); i++) writable.wakeOne();
        if (left.fetch_sub(claim.count) == claim.count) registry->wakeAll();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(ordered);
  for (const auto& sum : sums) EXPECT_EQ(sum, uint64_t{perProducer} * (perProducer - 1) / 2);
}

TEST(SlotQueueThreads, OneToOneThroughOneSlot) { exchangeNumbers(1, 1, 1, 1); }
TEST(SlotQueueThreads, OneToOneInBatches) { exchangeNumbers(256, 1, 1, 64); }
TEST(SlotQueueThreads, ManyToMany) { exchangeNumbers(4, 3, 3, 3); }
TEST(SlotQueueThreads, ManyToManyOneByOne) { exchangeNumbers(64, 4, 4, 1); }

TEST(ByteRingThreads, ManyToOne) {
  constexpr uint32_t kProducers = 3;
  const uint32_t perProducer = 10'000 * scale();
  const Memory memory(ByteRing<>::wordsFor(1024));
  ByteRing<>::create(memory.words(), 1024, ~0U - 5000);
  auto registry = std::make_unique<WakerRegistry>();
  std::vector<std::thread> threads;
  for (uint32_t p = 0; p < kProducers; p++) {
    threads.emplace_back([&, p] {
      const ByteRing<> ring(memory.words(), p + 1);
      for (uint32_t i = 0; i < perProducer;) {
        const RingRecord record = ring.claim(8 + 4 * ((i * 7 + p) % 50));
        if (!record) {
          std::this_thread::yield();
          continue;
        }
        const SharedWords words = memory.words();
        for (uint32_t word = 0; word < record.bytes / 4; word++) words.write(record.firstWord + word, i);
        words.write(record.firstWord, p);
        ring.commit(record);
        i++;
      }
    });
  }
  ByteRing<> ring(memory.words(), kProducers + 1);
  std::vector<uint32_t> next(kProducers, 0);
  for (uint32_t seen = 0; seen < kProducers * perProducer;) {
    struct Everybody {
      static bool isAlive(uint32_t) { return true; }
    };
    uint32_t read = 0;
    while (const RingRecord record = ring.read(Everybody{})) {
      const uint32_t p = memory.words().read(record.firstWord);
      ASSERT_LT(p, kProducers);
      ASSERT_EQ(record.bytes, 8 + 4 * ((next[p] * 7 + p) % 50));
      for (uint32_t word = 1; word < record.bytes / 4; word++)
        ASSERT_EQ(memory.words().read(record.firstWord + word), next[p]);
      next[p]++;
      read++;
    }
    seen += read;
    if (!ring.release()) std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ring.torn(), 0U);
}

TEST(StealDequeThreads, OwnerAndThieves) {
  const uint32_t count = 50'000 * scale();
  const Memory memory(StealDeque<>::wordsFor(8));
  StealDeque<>::create(memory.words(), 8, ~0U - 500);
  std::vector<std::atomic<uint8_t>> taken(count);
  std::atomic<bool> over{false};
  std::vector<std::thread> thieves;
  for (int i = 0; i < 2; i++) {
    thieves.emplace_back([&] {
      const StealDeque<> deque(memory.words());
      while (!over) {
        if (const std::optional<uint32_t> value = deque.steal()) taken.at(*value)++;
      }
    });
  }
  const StealDeque<> deque(memory.words());
  for (uint32_t next = 0; next < count;) {
    while (next < count && deque.push(next)) next++;
    for (uint32_t i = 0; i < 1 + next % 8; i++) {
      if (const std::optional<uint32_t> value = deque.pop()) taken.at(*value)++;
    }
  }
  while (const std::optional<uint32_t> value = deque.pop()) taken.at(*value)++;
  over = true;
  for (std::thread& thread : thieves) thread.join();
  for (uint32_t value = 0; value < count; value++) ASSERT_EQ(taken[value], 1) << value;
}

}  // namespace
}  // namespace sluice
