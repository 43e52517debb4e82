// A consumer of reactor threads in C++: what the addon and JavaScript are together. It lends arenas, sleeps until it is
// woken, hands each delivery to the test, and replies.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "reactor/reactor_thread.h"
#include "support/require.h"

namespace sluice {

class ArenaConsumer {
 public:
  /// Looks at a delivery and adds to the reply. Batches are released and the arena is lent again afterwards.
  using OnDelivery = std::function<void(const Delivery&, Reply&)>;

  explicit ArenaConsumer(OnDelivery onDelivery) : onDelivery_(std::move(onDelivery)) {
    SLUICE_REQUIRE(thread_.start("test", [](void* self) { static_cast<ArenaConsumer*>(self)->wake(); }, this) == 0);
    lend(kMinArenaBytes);
    lend(kMinArenaBytes);
  }

  ReactorThread& thread() noexcept { return thread_; }

  /// Sleeps until there is something, and deals with it.
  void step() {
    {
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [&] { return woken_; });
      woken_ = false;
    }
    do {
      std::vector<std::unique_ptr<Delivery>> taken;
      thread_.deliveries().takeAll(taken);
      for (std::unique_ptr<Delivery>& delivery : taken) answer(std::move(delivery));
    } while (!thread_.deliveries().park());
  }

  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_one();
  }

  void setReading(uint32_t endpoint, bool on) {
    std::unique_ptr<Reply> reply = thread_.port()->blank();
    reply->reading.push_back({endpoint, on});
    thread_.port()->post(std::move(reply));
  }

 private:
  struct Memory {
    std::vector<uint8_t> bytes;
    std::vector<int32_t> frames;
  };

  void answer(std::unique_ptr<Delivery> delivery) {
    std::unique_ptr<Reply> reply = thread_.port()->blank();
    onDelivery_(*delivery, *reply);
    for (const DeliveredBatch& batch : delivery->batches) reply->released.push_back(batch.endpoint);
    const uint32_t wanted = delivery->wantedBytes;
    reply->done = std::move(delivery);
    thread_.port()->post(std::move(reply));
    if (wanted > 0) lend(wanted);
  }

  void lend(uint32_t bytes) {
    const uint32_t number = ++lastNumber_;
    Memory& memory = memory_[number];
    memory.bytes.resize(bytes);
    memory.frames.resize(size_t{1024} * FrameTable::kWordsPerFrame);
    std::unique_ptr<Reply> reply = thread_.port()->blank();
    reply->arenas.push_back({number, {memory.bytes.data(), bytes, memory.frames.data(), 1024}});
    thread_.port()->post(std::move(reply));
  }

  OnDelivery onDelivery_;
  std::map<uint32_t, Memory> memory_;
  uint32_t lastNumber_ = 0;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  ReactorThread thread_;  // last: ends first
};

}  // namespace sluice
