// A reader that sleeps whenever park() lets it, and writers that wake it only when post() says so: nothing is lost, and
// nobody sleeps for ever.
#include "threads/mailbox.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice {
namespace {

constexpr int kWriters = 3;
constexpr int kEach = 20'000;

class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    rung_++;
    condition_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [&] { return rung_ > 0; });
    rung_--;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  int rung_ = 0;
};

TEST(Mailbox, WakesASleepingReaderOnceAndKeepsTheOrderOfEachWriter) {
  Mailbox<int> mailbox(Mailbox<int>::Reader::kParked);
  Bell bell;
  std::atomic<int> rings = 0;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; writer++) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kEach; i++) {
        if (!mailbox.post(i * kWriters + writer)) continue;
        rings++;
        bell.ring();
      }
    });
  }
  std::array<int, kWriters> next{};
  std::vector<int> taken;
  int sleeps = 1;
  bell.wait();
  for (int received = 0; received < kWriters * kEach;) {
    mailbox.takeAll(taken);
    for (const int message : taken) EXPECT_EQ(message / kWriters, next[static_cast<size_t>(message % kWriters)]++);
    received += static_cast<int>(taken.size());
    taken.clear();
    if (received < kWriters * kEach && mailbox.park()) {
      sleeps++;
      bell.wait();
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(rings, sleeps);
}

}  // namespace
}  // namespace sluice
