// 32-bit words that JavaScript threads share with native ones: what JavaScript reaches with Atomics.
//
// The structures of this folder take their memory as a template parameter, so that test/native/queue can run the same code
// over words whose every interleaving, and every stale value that the orders allow, it tries out.
//
// Orders. JavaScript has one, sequential consistency, and half of the threads that meet here are JavaScript. Words that
// threads meet at are seq_cst here too: publishing one and then looking at a wait set is the store-load pair that
// parking needs, and on x86 only the stores of that cost more than weaker ones. Where nothing hangs on a word's order, because
// something else orders it, it is relaxed, and a comment says what.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

namespace sluice {

class SharedWords {
 public:
  static_assert(std::atomic_ref<uint32_t>::is_always_lock_free);

  explicit SharedWords(uint32_t* base) noexcept : base_(base) {}

  uint32_t load(uint32_t index) const noexcept { return at(index).load(std::memory_order_seq_cst); }
  void store(uint32_t index, uint32_t value) const noexcept { at(index).store(value, std::memory_order_seq_cst); }
  bool compareExchange(uint32_t index, uint32_t expected, uint32_t desired) const noexcept {
    return at(index).compare_exchange_strong(expected, desired, std::memory_order_seq_cst);
  }
  uint32_t exchange(uint32_t index, uint32_t value) const noexcept { return at(index).exchange(value); }
  uint32_t fetchAdd(uint32_t index, uint32_t value) const noexcept { return at(index).fetch_add(value); }
  uint32_t fetchOr(uint32_t index, uint32_t bits) const noexcept { return at(index).fetch_or(bits); }
  uint32_t fetchAnd(uint32_t index, uint32_t bits) const noexcept { return at(index).fetch_and(bits); }

  uint32_t loadRelaxed(uint32_t index) const noexcept { return at(index).load(std::memory_order_relaxed); }
  void storeRelaxed(uint32_t index, uint32_t value) const noexcept {
    at(index).store(value, std::memory_order_relaxed);
  }

  /// Words that one thread has to itself at the time.
  uint32_t read(uint32_t index) const noexcept { return base_[index]; }
  void write(uint32_t index, uint32_t value) const noexcept { base_[index] = value; }
  void clear(uint32_t from, uint32_t to) const noexcept { std::memset(base_ + from, 0, size_t{4} * (to - from)); }

  uint32_t* pointer(uint32_t index) const noexcept { return base_ + index; }

 private:
  std::atomic_ref<uint32_t> at(uint32_t index) const noexcept { return std::atomic_ref<uint32_t>(base_[index]); }

  uint32_t* base_;
};

}  // namespace sluice
