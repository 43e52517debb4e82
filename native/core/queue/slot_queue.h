// The native half of lib/memory/slot-queue.ts: a bounded queue for many producers and many consumers, in slots of one size.
// The algorithm, the order of its accesses and what happens at the death of a thread are explained there.
//
// Relaxed here: the owner and the span of a claim, which matter only to sweepers of a dead thread, to whom its death
// orders everything; the length, which is ordered by the stamp as the payload is, and atomic only because a consumer may look
// at it in vain; and the stamps of a batch but the first, since whoever reads them has come past the first, or past a
// `tail` or `head` that was moved by somebody who had.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

#include "queue/layout.h"
#include "queue/shared_words.h"

namespace sluice {

/// `count` slots from `position` on. Empty: nothing could be claimed.
struct SlotClaim {
  uint32_t position = 0;
  uint32_t count = 0;
  explicit operator bool() const noexcept { return count != 0; }
};

struct SlotsSwept {
  uint32_t unsent = 0;
  uint32_t untaken = 0;
};

template <typename Words = SharedWords>
class SlotQueue {
 public:
  /// Words from one slot to the next: slots begin on multiples of 16 bytes.
  static constexpr uint32_t strideOf(uint32_t payloadBytes) noexcept {
    return (layout::kSlotPayload + (payloadBytes + 3) / 4 + 3) / 4 * 4;
  }
  static constexpr uint32_t wordsFor(uint32_t capacity, uint32_t payloadBytes) noexcept {
    return layout::kSlots + std::bit_ceil(capacity) * strideOf(payloadBytes);
  }

  /// Makes a queue in zeroed memory, before any other thread knows of it. `firstPosition`: where the counters begin.
  static void create(Words words, uint32_t capacity, uint32_t payloadBytes, uint32_t firstPosition = 0) noexcept {
    const uint32_t slots = std::bit_ceil(capacity);
    const uint32_t stride = strideOf(payloadBytes);
    const int shift = std::countr_zero(slots);
    words.write(layout::kCapacity, slots);
    words.write(layout::kPayloadBytes, payloadBytes);
    words.write(layout::kSlotStride, stride);
    words.write(layout::kTail, firstPosition);
    words.write(layout::kHead, firstPosition);
    for (uint32_t i = 0; i < slots; i++) {
      const uint32_t position = firstPosition + i;
      words.write(layout::kSlots + (position & (slots - 1)) * stride + layout::kSlotStamp, position >> shift << 1);
    }
    words.write(layout::kKind, layout::kSlotQueue);
  }

  /// Whether a queue of this version was made there.
  static bool isOne(Words words) noexcept { return words.read(layout::kKind) == layout::kSlotQueue; }

  /// Opens the queue that was made there, for the thread `owner`.
  SlotQueue(Words words, uint32_t owner) noexcept
      : words_(words),
        capacity_(words.read(layout::kCapacity)),
        stride_(words.read(layout::kSlotStride)),
        shift_(std::countr_zero(capacity_)),
        owner_(owner) {
    assert(isOne(words));
  }

  uint32_t capacity() const noexcept { return capacity_; }
  /// Slots that are claimed or full. One that is being written counts, and cannot be taken yet.
  uint32_t length() const noexcept {
    const uint32_t count = ahead();
    const uint32_t claimed = count >= kShut ? count - kShut : count;
    return claimed < capacity_ ? claimed : capacity_;  // consumers may have gone on between the two loads
  }
  /// No slot can be claimed for pushing any more, from this moment on. What was claimed before can still be published and
  /// taken: shut and of length 0 means that nothing will come. Call it once.
  void shut() const noexcept { words_.fetchAdd(layout::kTail, kShut); }
  bool isShut() const noexcept { return ahead() >= kShut; }

  /// Index of the payload's first word.
  uint32_t payload(uint32_t position) const noexcept { return slot(position) + layout::kSlotPayload; }
  /// To be said for each slot that was claimed for pushing, in bytes.
  void setLength(uint32_t position, uint32_t bytes) const noexcept {
    words_.storeRelaxed(slot(position) + layout::kSlotLength, bytes);
  }
  uint32_t lengthAt(uint32_t position) const noexcept {
    return words_.loadRelaxed(slot(position) + layout::kSlotLength);
  }

  /// Empty: full, or the next slot is still being taken. Write all of them and their lengths, then publish.
  SlotClaim claimPush(uint32_t max = 1) const noexcept {
    for (;;) {
      const uint32_t tail = words_.load(layout::kTail);
      uint32_t count = 0;
      while (count < max && words_.load(slot(tail + count)) == freeStamp(tail + count)) count++;
      if (count == 0) {
        if (words_.load(layout::kTail) == tail) return {};
        continue;  // another thread has claimed it meanwhile
      }
      if (!words_.compareExchange(layout::kTail, tail, tail + count)) continue;
      mark(tail, count);
      return {tail, count};
    }
  }

  void publish(SlotClaim claim) const noexcept {
    for (uint32_t i = claim.count - 1; i > 0; i--) {
      words_.storeRelaxed(slot(claim.position + i), fullStamp(claim.position + i));
    }
    words_.storeRelaxed(slot(claim.position) + layout::kSlotOwner, 0);
    words_.store(slot(claim.position), fullStamp(claim.position));
  }

  /// Empty: nothing there, or the next slot is still being written. Read all of them, then release.
  SlotClaim claimPop(uint32_t max = 1) const noexcept {
    for (;;) {
      const uint32_t head = words_.load(layout::kHead);
      if (words_.load(slot(head)) != fullStamp(head)) {
        if (words_.load(layout::kHead) == head) return {};
        continue;
      }
      // Not its own until `head` is moved: the next producer may be writing it by then, and the exchange fails.
      const bool abandoned = words_.loadRelaxed(slot(head) + layout::kSlotLength) == layout::kAbandoned;
      uint32_t count = 1;
      while (count < max && !abandoned && words_.load(slot(head + count)) == fullStamp(head + count) &&
             words_.loadRelaxed(slot(head + count) + layout::kSlotLength) != layout::kAbandoned) {
        count++;
      }
      if (!words_.compareExchange(layout::kHead, head, head + count)) continue;
      mark(head, count);
      if (!abandoned) return {head, count};
      release({head, 1});
    }
  }

  void release(SlotClaim claim) const noexcept {
    const uint32_t lapLater = claim.position + capacity_;
    for (uint32_t i = claim.count - 1; i > 0; i--) {
      words_.storeRelaxed(slot(lapLater + i), freeStamp(lapLater + i));
    }
    words_.storeRelaxed(slot(lapLater) + layout::kSlotOwner, 0);
    words_.store(slot(lapLater), freeStamp(lapLater));
  }

  /// Ends the claims of threads that `wakers` knows to be dead.
  template <typename Wakers>
  SlotsSwept sweep(const Wakers& wakers) const noexcept {
    SlotsSwept swept;
    for (uint32_t i = 0; i < capacity_; i++) {
      const uint32_t at = slot(i);
      const uint32_t owner = words_.load(at + layout::kSlotOwner);
      if (owner == 0 || wakers.isAlive(owner)) continue;
      // The claim of a dead thread does not change, but for another sweeper: one of them gets it.
      if (!words_.compareExchange(at + layout::kSlotOwner, owner, owner_)) continue;
      const uint32_t stamp = words_.load(at);
      const SlotClaim claim{stamp >> 1 << shift_ | i, words_.loadRelaxed(at + layout::kSlotSpan)};
      if ((stamp & 1) == 0) {
        swept.unsent += claim.count;
        for (uint32_t j = 0; j < claim.count; j++) setLength(claim.position + j, layout::kAbandoned);
        publish(claim);
      } else {
        swept.untaken += claim.count;
        release(claim);
      }
    }
    return swept;
  }

 private:
  /// What shut() adds to `tail`: no slot's stamp ever fits a position so far ahead.
  static constexpr uint32_t kShut = 1U << 30;

  /// How far `tail` is ahead of `head`, which never passes it.
  uint32_t ahead() const noexcept {
    const uint32_t head = words_.load(layout::kHead);
    return words_.load(layout::kTail) - head;
  }
  /// Index of the slot, whose first word is the stamp.
  uint32_t slot(uint32_t position) const noexcept {
    static_assert(layout::kSlotStamp == 0);
    return layout::kSlots + (position & (capacity_ - 1)) * stride_;
  }
  uint32_t freeStamp(uint32_t position) const noexcept { return position >> shift_ << 1; }
  uint32_t fullStamp(uint32_t position) const noexcept { return position >> shift_ << 1 | 1; }
  void mark(uint32_t position, uint32_t count) const noexcept {
    words_.storeRelaxed(slot(position) + layout::kSlotSpan, count);
    words_.storeRelaxed(slot(position) + layout::kSlotOwner, owner_);
  }

  Words words_;
  uint32_t capacity_;
  uint32_t stride_;
  int shift_;
  uint32_t owner_;
};

}  // namespace sluice
