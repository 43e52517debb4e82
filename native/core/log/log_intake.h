// A way into the log for a native thread: a ring of records of its own, which the log's thread empties.
//
// What lies in the ring is the log's to write, however long that takes: a record leaves it only when it has been written, so a disk that
// is full makes the ring full, and whoever fills it wait; nothing is refused. The memory is the intake's own, so that no JavaScript
// thread's end can take it away.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "log/record_format.h"
#include "queue/byte_ring.h"
#include "queue/wait_set.h"
#include "threads/ref.h"

namespace sluice {

class LogIntake : public RefCounted {
 public:
  static constexpr uint32_t kDefaultBytes = 1024 * 1024;

  /// Of at least `capacity` bytes, for the thread `owner` (WakerRegistry) to fill.
  LogIntake(uint32_t capacity, uint32_t owner)
      : memory_(std::make_unique<Line[]>(ByteRing<>::wordsFor(capacity) / layout::kLineWords + 1)),
        ring_(made(memory_[0].words, capacity), owner),
        waiting_(SharedWords(waitWords_.words), WakerRegistry::process(), owner) {}

  // For the thread that fills it.

  /// Key and value; the time is when the log takes it. False: there is no room now, or the log takes nothing any more.
  bool put(const uint8_t* key, uint32_t keyBytes, const uint8_t* value, uint32_t valueBytes) noexcept {
    const RingRecord record = ring_.claim(sizeof(RecordParts) + keyBytes + valueBytes);
    if (!record) return false;
    const auto flags = static_cast<uint8_t>(keyBytes > 0 ? kRecordHasKey | kRecordKeyIsText : 0);
    const RecordParts parts{
        .flags = flags, .timeMs = 0, .keyBytes = keyBytes, .headersBytes = 0, .valueBytes = valueBytes};
    uint8_t* at = bytesAt(record);
    std::memcpy(at, &parts, sizeof parts);
    if (keyBytes > 0) std::memcpy(at + sizeof parts, key, keyBytes);
    if (valueBytes > 0) std::memcpy(at + sizeof parts + keyBytes, value, valueBytes);
    ring_.commit(record);
    return true;
  }
  /// From here on it is woken when there is room. Look once more.
  void park() noexcept { waiting_.park(); }
  void unpark() noexcept { waiting_.unpark(); }
  bool isClosed() const noexcept { return closed_.load(std::memory_order_acquire); }
  bool isEmpty() const noexcept { return !ring_.isReady(WakerRegistry::process()); }

  /// Nothing will be put in any more. What was is still the log's.
  void finish() noexcept { finished_.store(true, std::memory_order_release); }

  // For the log's thread.

  bool isFinished() const noexcept { return finished_.load(std::memory_order_acquire) && isEmpty(); }

  /// Calls `add(parts, bytes)` for each record, until it answers false or there is none.
  template <typename Add>
  void gather(const Add& add) noexcept {
    ring_.rewind();
    gathered_ = 0;
    for (RingRecord record = ring_.read(WakerRegistry::process()); record;
         record = ring_.read(WakerRegistry::process())) {
      RecordParts parts;
      const uint8_t* at = bytesAt(record);
      std::memcpy(&parts, at, sizeof parts);
      gathered_++;
      if (!add(parts, at + sizeof parts)) return;
    }
  }
  /// What gather() took has been written.
  void written() noexcept {
    released_.fetch_add(gathered_, std::memory_order_release);
    gathered_ = 0;
    if (ring_.release()) waiting_.wakeAll();
  }
  /// What was written so far is durable.
  void settle() noexcept { settled_.store(released_.load(std::memory_order_relaxed), std::memory_order_release); }
  /// The log takes nothing any more.
  void close() noexcept {
    closed_.store(true, std::memory_order_release);
    waiting_.wakeAll();
  }

  /// Records written, and records that are durable.
  uint64_t writtenRecords() const noexcept { return released_.load(std::memory_order_acquire); }
  uint64_t settledRecords() const noexcept { return settled_.load(std::memory_order_acquire); }

 private:
  struct alignas(layout::kLineBytes) Line {
    uint32_t words[layout::kLineWords] = {};
  };
  static SharedWords made(uint32_t* words, uint32_t capacity) noexcept {
    ByteRing<>::create(SharedWords(words), capacity);
    return SharedWords(words);
  }
  uint8_t* bytesAt(const RingRecord& record) const noexcept {
    return reinterpret_cast<uint8_t*>(memory_[0].words + record.firstWord);
  }

  std::unique_ptr<Line[]> memory_;
  Line waitWords_;
  ByteRing<> ring_;
  WaitSet<> waiting_;
  uint64_t gathered_ = 0;
  std::atomic<uint64_t> released_{0};
  std::atomic<uint64_t> settled_{0};
  std::atomic<bool> closed_{false};
  std::atomic<bool> finished_{false};
};

}  // namespace sluice
