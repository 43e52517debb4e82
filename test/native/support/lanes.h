// What a worker pool is to a LaneSink: the memory that lib/pool lays out, and a worker that runs lanes as
// lib/lanes/lane-runner.ts does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "lanes/lane_sink.h"
#include "queue/lane.h"

namespace sluice::testing_support {

/// Zeroed memory that begins on a line.
class SharedMemory {
 public:
  explicit SharedMemory(uint32_t words) : lines_(new Line[words / layout::kLineWords + 1]()) {}
  uint32_t* words() const { return lines_[0].words; }

 private:
  struct alignas(layout::kLineBytes) Line {
    uint32_t words[layout::kLineWords];
  };
  std::unique_ptr<Line[]> lines_;
};

struct LaneShape {
  uint32_t lanes = 4;
  uint32_t laneBytes = 1024;
  uint32_t answerBytes = 4096;
  uint32_t sideBytes = 64 * 1024;
  uint32_t reactors = 1;
  uint32_t names = 1024;
};

class LaneMemory {
 public:
  static constexpr uint32_t kFirstNumber = 1U << 30;
  static constexpr uint32_t kFirstPosition = ~0U - 100;  // positions wrap early

  explicit LaneMemory(const LaneShape& shape)
      : shape(shape),
        stride((ByteRing<>::wordsFor(shape.laneBytes) + layout::kLineWords - 1) / layout::kLineWords *
                   layout::kLineWords +
               layout::kLineWords),
        lanes_(shape.lanes * stride),
        queue_(SlotQueue<>::wordsFor(4 * shape.lanes, 4)),
        idle_(layout::kLineWords),
        searching_(layout::kLineWords),
        names_(shape.names * layout::kNameWords),
        side_(shape.sideBytes * shape.reactors / 4) {
    SlotQueue<>::create(SharedWords(queue_.words()), 4 * shape.lanes, 4);
    for (uint32_t i = 0; i < shape.lanes; i++) {
      ByteRing<>::create(SharedWords(lane(i)), shape.laneBytes, kFirstPosition);
    }
    for (uint32_t i = 0; i < shape.reactors; i++) {
      answers_.push_back(std::make_unique<SharedMemory>(ByteRing<>::wordsFor(shape.answerBytes)));
      ByteRing<>::create(SharedWords(answers(i)), shape.answerBytes, kFirstPosition);
      sleeping_.push_back(std::make_unique<SharedMemory>(layout::kLineWords));
    }
  }

  LaneSinkOptions options(uint32_t reactor = 0) const {
    LaneSinkOptions options;
    options.lanes = lanes_.words();
    options.laneCount = shape.lanes;
    options.laneStride = stride;
    options.countersAt = stride - layout::kLineWords;
    options.firstNumber = kFirstNumber;
    options.answers = answers(reactor);
    options.sleeping = sleeping(reactor);
    options.rest = rest_.words();
    options.side = reinterpret_cast<uint8_t*>(side_.words());
    options.sideBegin = reactor * shape.sideBytes;
    options.sideBytes = shape.sideBytes;
    options.reactor = reactor;
    options.reactors = shape.reactors;
    options.names = names_.words();
    options.nameCount = shape.names;
    options.pool = pool();
    return options;
  }

  RunQueueMemory pool() const { return {queue_.words(), idle_.words(), searching_.words(), 1}; }
  uint32_t* lane(uint32_t i) const { return lanes_.words() + size_t{i} * stride; }
  SharedWords counters(uint32_t i) const { return SharedWords(lane(i) + stride - layout::kLineWords); }
  uint32_t* answers(uint32_t reactor) const { return answers_[reactor]->words(); }
  uint32_t* sleeping(uint32_t reactor) const { return sleeping_[reactor]->words(); }
  uint32_t* queue() const { return queue_.words(); }
  uint32_t* idle() const { return idle_.words(); }
  const uint8_t* side() const { return reinterpret_cast<const uint8_t*>(side_.words()); }
  uint32_t generationOf(uint32_t index) const {
    return SharedWords(names_.words()).load(index * layout::kNameWords + layout::kNameGeneration);
  }
  uint32_t nameWord(uint32_t index, uint32_t word) const {
    return SharedWords(names_.words()).load(index * layout::kNameWords + word);
  }

  const LaneShape shape;
  const uint32_t stride;

 private:
  SharedMemory lanes_;
  SharedMemory queue_;
  SharedMemory idle_;
  SharedMemory searching_;
  SharedMemory names_;
  SharedMemory side_;
  std::vector<std::unique_ptr<SharedMemory>> answers_;
  std::vector<std::unique_ptr<SharedMemory>> sleeping_;
  SharedMemory rest_{layout::kLineWords};
};

struct LaneRecord {
  uint32_t kind;
  uint32_t index;
  uint32_t generation;
  std::string bytes;  // of a frame, long or not
};

/// One worker's thread of lanes. `work` sees the records of a turn after the ring has its room back.
class LaneWorker {
 public:
  explicit LaneWorker(const LaneMemory& memory)
      : memory_(memory),
        id_(WakerRegistry::process().add([](void* self) { static_cast<LaneWorker*>(self)->wake(); }, this)),
        queue_(SharedWords(memory.queue()), id_),
        idle_(SharedWords(memory.idle()), WakerRegistry::process(), id_) {
    for (uint32_t i = 0; i < memory.shape.lanes; i++) rings_.emplace_back(SharedWords(memory.lane(i)), id_);
    for (uint32_t r = 0; r < memory.shape.reactors; r++) {
      answers_.emplace_back(SharedWords(memory.answers(r)), id_);
      sleeping_.emplace_back(SharedWords(memory.sleeping(r)), WakerRegistry::process(), id_);
    }
  }
  ~LaneWorker() { die(); }
  LaneWorker(const LaneWorker&) = delete;
  LaneWorker& operator=(const LaneWorker&) = delete;

  /// What a thread's end does: from here on its id is nobody's.
  void die() {
    if (id_ != 0) WakerRegistry::process().remove(id_);
    id_ = 0;
  }

  /// A lane's number from the queue, taken. Empty: none is there to be run.
  std::optional<uint32_t> next() {
    for (;;) {
      const SlotClaim claim = queue_.claimPop();
      if (!claim) return std::nullopt;
      const uint32_t lane =
          SharedWords(memory_.queue()).read(queue_.payload(claim.position)) - LaneMemory::kFirstNumber;
      queue_.release(claim);
      const SharedWords words(memory_.lane(lane));
      if (!words.compareExchange(layout::kRingLane, layout::kLaneRunnable, id_)) continue;
      rings_[lane].rewind();
      return lane;
    }
  }

  /// Up to `max` records, copied; the ring has its room back.
  std::vector<LaneRecord> collect(uint32_t lane, uint32_t max) {
    const SharedWords words(memory_.lane(lane));
    std::vector<LaneRecord> records;
    while (records.size() < max) {
      const RingRecord record = rings_[lane].read(WakerRegistry::process());
      if (!record) break;
      LaneRecord& to = records.emplace_back(LaneRecord{
          words.read(record.firstWord), words.read(record.firstWord + 1), words.read(record.firstWord + 2), {}});
      const uint32_t payload = record.firstWord + layout::kLaneRecordBytes / 4;
      if (to.kind == layout::kLaneLongFrame) {
        const auto* at = reinterpret_cast<const char*>(memory_.side()) + words.read(payload);
        to.bytes.assign(at, words.read(payload + 1));
        to.kind = layout::kLaneFrame;
      } else {
        const auto* at = reinterpret_cast<const char*>(words.pointer(payload));
        to.bytes.assign(at, record.bytes - layout::kLaneRecordBytes);
      }
    }
    rings_[lane].release();
    const SharedWords counters = memory_.counters(lane);
    if (counters.load(layout::kLaneStalled) == 1 && counters.exchange(layout::kLaneStalled, 0) == 1) {
      for (WaitSet<>& reactor : sleeping_) reactor.wakeOne();
    }
    return records;
  }

  /// Gives the lane up. True: it is runnable again, and queued.
  bool finish(uint32_t lane) {
    const SharedWords words(memory_.lane(lane));
    if (rings_[lane].isReady(WakerRegistry::process())) {
      words.store(layout::kRingLane, layout::kLaneRunnable);
    } else {
      words.store(layout::kRingLane, layout::kLaneIdle);
      // Not isReady(): the ring may be another worker's by now, which zeroes what it has read.
      if (words.load(layout::kHead) == words.load(layout::kTail) || !scheduleLane(words)) return false;
    }
    requeue(lane);
    return true;
  }

  void requeue(uint32_t lane) {
    RunQueue queue(memory_.pool(), id_);
    while (!queue.push(LaneMemory::kFirstNumber + lane)) std::this_thread::yield();
    queue.wakeForWork();
  }

  /// False: no room on the way back now.
  bool tryAnswer(uint32_t kind, const LaneRecord& to, std::string_view bytes) {
    const uint32_t reactor = to.index % memory_.shape.reactors;
    const ByteRing<>& ring = answers_[reactor];
    const RingRecord record = ring.claim(layout::kLaneRecordBytes + static_cast<uint32_t>(bytes.size()));
    if (!record) return false;
    const SharedWords words(memory_.answers(reactor));
    words.write(record.firstWord, kind);
    words.write(record.firstWord + 1, to.index);
    words.write(record.firstWord + 2, to.generation);
    if (!bytes.empty()) {
      std::memcpy(words.pointer(record.firstWord + layout::kLaneRecordBytes / 4), bytes.data(), bytes.size());
    }
    ring.commit(record);
    return true;
  }
  void answer(uint32_t kind, const LaneRecord& to, std::string_view bytes = {}) {
    while (!tryAnswer(kind, to, bytes)) {
      flush();
      std::this_thread::yield();
    }
  }
  void answerPeerEnd(const LaneRecord& record, uint32_t lane) {
    char word[4];
    std::memcpy(word, &lane, 4);
    answer(layout::kAnswerPeerEndSeen, record, {word, 4});
  }
  void flush() {
    for (WaitSet<>& reactor : sleeping_) {
      if (reactor.occupied()) reactor.wakeOne();
    }
  }

  void park() { idle_.park(); }
  void unpark() {
    if (!idle_.unpark()) idle_.wakeOne();
  }
  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    woken_ = false;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }

  uint32_t id() const { return id_; }

 private:
  const LaneMemory& memory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  uint32_t id_;
  SlotQueue<> queue_;
  WaitSet<> idle_;
  std::vector<ByteRing<>> rings_;
  std::vector<ByteRing<>> answers_;
  std::vector<WaitSet<>> sleeping_;
};

}  // namespace sluice::testing_support
