#include "queue/waker_registry.h"

namespace sluice {

namespace {

// Made by the compiler and never destroyed: a local static would need the C++ library's guards, and with them its
// exception machinery and a newer glibc.
union Process {
  constexpr Process() : registry() {}
  ~Process() {}
  WakerRegistry registry;
};
constinit Process theProcess;

}  // namespace

WakerRegistry& WakerRegistry::process() noexcept { return theProcess.registry; }

uint32_t WakerRegistry::add(WakeFunction wake, void* context) noexcept {
  const uint32_t first = next_.fetch_add(1, std::memory_order_relaxed);
  for (uint32_t i = 0; i < kMaxThreads; i++) {
    const uint32_t number = (first + i) & kSlotMask;
    Slot& slot = slots_[number];
    const std::lock_guard lock(slot.mutex);
    if (slot.id.load(std::memory_order_relaxed) != 0) continue;
    slot.generation = slot.generation == kMaxGeneration ? 1 : slot.generation + 1;
    slot.wake = wake;
    slot.context = context;
    const uint32_t id = slot.generation << layout::kWakerSlotBits | number;
    slot.id.store(id, std::memory_order_release);
    uint32_t used = used_.load(std::memory_order_relaxed);
    while (used <= number && !used_.compare_exchange_weak(used, number + 1)) {
    }
    return id;
  }
  return 0;
}

void WakerRegistry::remove(uint32_t id) noexcept {
  Slot& slot = slots_[id & kSlotMask];
  {
    const std::lock_guard lock(slot.mutex);
    if (id == 0 || slot.id.load(std::memory_order_relaxed) != id) return;
    slot.wake = nullptr;
    slot.context = nullptr;
    slot.id.store(0, std::memory_order_release);
  }
  deaths_.fetch_add(1, std::memory_order_acq_rel);
  wakeAll();
}

bool WakerRegistry::wake(uint32_t id) noexcept {
  Slot& slot = slots_[id & kSlotMask];
  const std::lock_guard lock(slot.mutex);
  if (id == 0 || slot.id.load(std::memory_order_relaxed) != id) return false;
  slot.wake(slot.context);
  return true;
}

void WakerRegistry::wakeAll() noexcept {
  const uint32_t used = used_.load(std::memory_order_acquire);
  for (uint32_t number = 0; number < used; number++) {
    Slot& slot = slots_[number];
    const std::lock_guard lock(slot.mutex);
    if (slot.id.load(std::memory_order_relaxed) != 0) slot.wake(slot.context);
  }
}

bool WakerRegistry::isAlive(uint32_t id) const noexcept {
  return id != 0 && slots_[id & kSlotMask].id.load(std::memory_order_acquire) == id;
}

}  // namespace sluice
