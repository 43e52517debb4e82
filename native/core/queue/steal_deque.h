// The native half of lib/memory/steal-deque.ts, which names the papers and has the argument: a bounded work-stealing deque
// of 32-bit numbers.
//
// Relaxed here: a number's own word. The owner stores it before `bottom`, and a thief whose word was overwritten meanwhile
// fails at its exchange.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>
#include <optional>

#include "queue/layout.h"
#include "queue/shared_words.h"

namespace sluice {

template <typename Words = SharedWords>
class StealDeque {
 public:
  static constexpr uint32_t wordsFor(uint32_t capacity) noexcept {
    return layout::kDequeNumbers + std::bit_ceil(capacity);
  }

  /// Makes a deque in zeroed memory, before any other thread knows of it. `firstPosition`: where the counters begin.
  static void create(Words words, uint32_t capacity, uint32_t firstPosition = 0) noexcept {
    words.write(layout::kCapacity, std::bit_ceil(capacity));
    words.write(layout::kDequeTop, firstPosition);
    words.write(layout::kDequeBottom, firstPosition);
    words.write(layout::kKind, layout::kStealDeque);
  }

  static bool isOne(Words words) noexcept { return words.read(layout::kKind) == layout::kStealDeque; }

  explicit StealDeque(Words words) noexcept : words_(words), capacity_(words.read(layout::kCapacity)) {
    assert(isOne(words));
  }

  /// Owner: false when it is full.
  bool push(uint32_t value) const noexcept {
    const uint32_t bottom = words_.loadRelaxed(layout::kDequeBottom);  // only the owner moves it
    if (distance(bottom, words_.load(layout::kDequeTop)) >= static_cast<int32_t>(capacity_)) return false;
    words_.storeRelaxed(number(bottom), value);
    words_.store(layout::kDequeBottom, bottom + 1);
    return true;
  }

  /// Owner: the number that was added last.
  std::optional<uint32_t> pop() const noexcept {
    const uint32_t bottom = words_.loadRelaxed(layout::kDequeBottom) - 1;
    if (distance(bottom, words_.load(layout::kDequeTop)) < 0) return std::nullopt;
    words_.store(layout::kDequeBottom, bottom);
    const uint32_t top = words_.load(layout::kDequeTop);
    const int32_t others = distance(bottom, top);
    if (others > 0) return words_.loadRelaxed(number(bottom));
    const bool won = others == 0 && words_.compareExchange(layout::kDequeTop, top, top + 1);
    const uint32_t value = words_.loadRelaxed(number(bottom));
    words_.store(layout::kDequeBottom, bottom + 1);
    return won ? std::optional(value) : std::nullopt;
  }

  /// Any thread: the number that was added first.
  std::optional<uint32_t> steal() const noexcept {
    for (;;) {
      const uint32_t top = words_.load(layout::kDequeTop);
      if (distance(words_.load(layout::kDequeBottom), top) <= 0) return std::nullopt;
      const uint32_t value = words_.loadRelaxed(number(top));
      if (words_.compareExchange(layout::kDequeTop, top, top + 1)) return value;
    }
  }

 private:
  static int32_t distance(uint32_t bottom, uint32_t top) noexcept { return static_cast<int32_t>(bottom - top); }
  uint32_t number(uint32_t position) const noexcept { return layout::kDequeNumbers + (position & (capacity_ - 1)); }

  Words words_;
  uint32_t capacity_;
};

}  // namespace sluice
