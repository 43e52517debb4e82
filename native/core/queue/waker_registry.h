// The threads of this process that can be woken, by id: how JavaScript threads and native ones reach each other.
//
// A thread is a slot and a generation, so the id of one that has ended hits nobody, and whoever finds such an id in a
// claim, a seat or a lock knows that its holder is dead. When a thread leaves, all others are woken: what it had been
// woken for, or was about to wake others for, is not lost with it, and what it held can be swept.
//
// wake() runs under the slot's mutex, and so does the removal: once remove() has returned, nobody calls `wake` any more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "queue/layout.h"

namespace sluice {

class WakerRegistry {
 public:
  /// Wakes a thread: callable from any other, must not block, and must not call the registry.
  using WakeFunction = void (*)(void* context);

  static constexpr uint32_t kMaxThreads = 1U << layout::kWakerSlotBits;

  /// The process's. It is never destroyed: threads may outlive static objects.
  static WakerRegistry& process() noexcept;

  constexpr WakerRegistry() = default;
  WakerRegistry(const WakerRegistry&) = delete;
  WakerRegistry& operator=(const WakerRegistry&) = delete;

  /// The new thread's id; 0 when there are kMaxThreads already.
  uint32_t add(WakeFunction wake, void* context) noexcept;
  /// The thread has ended, or is about to without touching shared memory again. Wakes all others.
  void remove(uint32_t id) noexcept;

  /// False, and nothing happens, when the thread has ended.
  bool wake(uint32_t id) noexcept;
  void wakeAll() noexcept;

  /// Once false, always false, and all that the thread did is visible to the caller.
  bool isAlive(uint32_t id) const noexcept;
  /// How many threads have ended.
  uint32_t deaths() const noexcept { return deaths_.load(std::memory_order_acquire); }

 private:
  struct Slot {
    std::mutex mutex;
    /// Of the thread that is here; 0 when none is. Written under the mutex.
    std::atomic<uint32_t> id{0};
    uint32_t generation = 0;
    WakeFunction wake = nullptr;
    void* context = nullptr;
  };

  static constexpr uint32_t kSlotMask = kMaxThreads - 1;
  static constexpr uint32_t kMaxGeneration = ~0U >> layout::kWakerSlotBits;

  std::array<Slot, kMaxThreads> slots_;
  /// Where the search for a free slot begins, so that a slot rests for long before its next tenant, and the end of those
  /// that were ever used.
  std::atomic<uint32_t> next_{0};
  std::atomic<uint32_t> used_{0};
  std::atomic<uint32_t> deaths_{0};
};

}  // namespace sluice
