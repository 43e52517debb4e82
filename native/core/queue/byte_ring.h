// The native half of lib/memory/byte-ring.ts: a ring of records of any length, from many producers to one consumer at a
// time. The algorithm and the order of its accesses are explained there; lib/memory/lane.ts says how the consumer may move
// from thread to thread.
//
// Relaxed here: the id of a claim, which is stored before the mark that makes it visible.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

#include "queue/layout.h"
#include "queue/shared_words.h"

namespace sluice {

/// Where a record's bytes lie: `firstWord` of the memory and on; `end` is the position behind it. A claim that was
/// refused is not `ok`.
struct RingRecord {
  uint32_t firstWord = 0;
  uint32_t bytes = 0;
  bool ok = false;
  uint32_t end = 0;
  explicit operator bool() const noexcept { return ok; }
};

template <typename Words = SharedWords>
class ByteRing {
 public:
  static constexpr uint32_t kMinCapacity = 64;

  static constexpr uint32_t wordsFor(uint32_t capacity) noexcept {
    return layout::kRingRecords + roundUp(capacity) / 4;
  }

  /// Makes a ring in zeroed memory, before any other thread knows of it. `firstPosition`: where the counters begin.
  static void create(Words words, uint32_t capacity, uint32_t firstPosition = 0) noexcept {
    words.write(layout::kCapacity, roundUp(capacity));
    words.write(layout::kTail, firstPosition);
    words.write(layout::kHead, firstPosition);
    words.write(layout::kRingReleasing, firstPosition);
    words.write(layout::kKind, layout::kByteRing);
  }

  static bool isOne(Words words) noexcept { return words.read(layout::kKind) == layout::kByteRing; }

  /// Opens the ring that was made there, for the thread `owner`.
  ByteRing(Words words, uint32_t owner) noexcept
      : words_(words), units_(words.read(layout::kCapacity) / layout::kRingUnitBytes), owner_(owner) {
    assert(isOne(words));
  }

  /// The longest record that claim() takes.
  uint32_t maxRecordBytes() const noexcept { return units_ * layout::kRingUnitBytes / 2 - layout::kRecordHeaderBytes; }

  /// Refused: there is no room now. Write, then commit or abandon, soon: the records behind it wait.
  RingRecord claim(uint32_t bytes) const noexcept {
    assert(bytes <= maxRecordBytes());
    const uint32_t wanted = unitsOf(bytes);
    for (;;) {
      const uint32_t tail = words_.load(layout::kTail);
      const uint32_t index = tail & (units_ - 1);
      const uint32_t toEnd = units_ - index;
      const uint32_t padding = wanted > toEnd ? toEnd : 0;
      // Read after `tail`, `head` may have passed it: then another thread has moved `tail` too, and the exchange fails.
      const uint32_t used = tail - words_.load(layout::kHead);
      if (static_cast<int32_t>(used + padding + wanted) > static_cast<int32_t>(units_)) {
        if (words_.load(layout::kTail) == tail) return {};
        continue;
      }
      if (!words_.compareExchange(layout::kTail, tail, tail + padding + wanted)) continue;
      const uint32_t at = layout::kRingRecords + (padding == 0 ? index : 0) * kUnitWords;
      words_.storeRelaxed(at + 1, owner_);
      words_.store(at, bytes << 2 | layout::kRecordClaimed);
      if (padding != 0) {
        const uint32_t gapBytes = padding * layout::kRingUnitBytes - layout::kRecordHeaderBytes;
        words_.store(layout::kRingRecords + index * kUnitWords, gapBytes << 2 | layout::kRecordPadding);
      }
      return {at + kHeaderWords, bytes, true, tail + padding + wanted};
    }
  }

  /// Producer: whether the record that ends at `end` has been released. Asked within 2^31 units of its claim.
  bool isReleased(uint32_t end) const noexcept { return static_cast<int32_t>(words_.load(layout::kHead) - end) >= 0; }

  void commit(const RingRecord& record) const noexcept {
    words_.store(record.firstWord - kHeaderWords, record.bytes << 2 | layout::kRecordCommitted);
  }

  /// The consumer will skip it.
  void abandon(const RingRecord& record) const noexcept {
    words_.store(record.firstWord - kHeaderWords, record.bytes << 2 | layout::kRecordPadding);
  }

  /// Consumer: the next committed record, which stays where it is until release().
  template <typename Wakers>
  RingRecord read(const Wakers& wakers) noexcept {
    const uint32_t head = words_.load(layout::kHead);
    if (!reading_) cursor_ = head;
    reading_ = true;
    while (cursor_ - head != units_) {
      const uint32_t at = layout::kRingRecords + (cursor_ & (units_ - 1)) * kUnitWords;
      const uint32_t word = words_.load(at);
      if (word == 0) break;
      const uint32_t state = word & layout::kRecordState;
      if (state == layout::kRecordClaimed) {
        if (!isDead(words_.loadRelaxed(at + 1), wakers)) break;
        // It may have committed in its last moment: what it did is visible now that it is known to be dead.
        if (words_.load(at) != word) continue;
        torn_++;
      }
      cursor_ += unitsOf(word >> 2);
      if (state == layout::kRecordCommitted) return {at + kHeaderWords, word >> 2, true, cursor_};
    }
    return {};
  }

  /// Whether nothing is claimed that is not released.
  bool isEmpty() const noexcept { return words_.load(layout::kHead) == words_.load(layout::kTail); }

  /// Consumer, with nothing read: whether read() would find, or skip, something.
  template <typename Wakers>
  bool isReady(const Wakers& wakers) const noexcept {
    const uint32_t at = layout::kRingRecords + (words_.load(layout::kHead) & (units_ - 1)) * kUnitWords;
    const uint32_t word = words_.load(at);
    if ((word & layout::kRecordState) != layout::kRecordClaimed) return word != 0;
    return isDead(words_.loadRelaxed(at + 1), wakers);
  }

  /// Consumer: gives the room of all that was read, or skipped, back. False: there was none.
  bool release() noexcept {
    const uint32_t head = words_.loadRelaxed(layout::kHead);  // only the consumer moves it
    if (!reading_ || cursor_ == head) {
      reading_ = false;
      return false;
    }
    const uint32_t from = layout::kRingRecords + (head & (units_ - 1)) * kUnitWords;
    const uint32_t to = layout::kRingRecords + (cursor_ & (units_ - 1)) * kUnitWords;
    if (to > from) {
      words_.clear(from, to);
    } else {
      words_.clear(from, layout::kRingRecords + units_ * kUnitWords);
      words_.clear(layout::kRingRecords, to);
    }
    reading_ = false;
    words_.storeRelaxed(layout::kRingReleasing, cursor_);  // for a consumer in JavaScript, which may die in the middle
    words_.store(layout::kHead, cursor_);
    return true;
  }

  /// Consumer: forgets what was read and not released. The first step of a thread that takes over.
  void rewind() noexcept { reading_ = false; }

  /// Records that this consumer skipped because their producer had died.
  uint32_t torn() const noexcept { return torn_; }

 private:
  static constexpr uint32_t kUnitWords = layout::kRingUnitBytes / 4;
  static constexpr uint32_t kHeaderWords = layout::kRecordHeaderBytes / 4;

  static constexpr uint32_t roundUp(uint32_t capacity) noexcept {
    return std::bit_ceil(capacity < kMinCapacity ? kMinCapacity : capacity);
  }
  /// A producer in JavaScript writes its id with no order to the mark: 0 is not yet one.
  template <typename Wakers>
  static bool isDead(uint32_t owner, const Wakers& wakers) noexcept {
    return owner != 0 && !wakers.isAlive(owner);
  }
  static constexpr uint32_t unitsOf(uint32_t bytes) noexcept {
    return (bytes + layout::kRecordHeaderBytes + layout::kRingUnitBytes - 1) / layout::kRingUnitBytes;
  }

  Words words_;
  uint32_t units_;
  uint32_t owner_;
  uint32_t cursor_ = 0;
  uint32_t torn_ = 0;
  bool reading_ = false;
};

}  // namespace sluice
