// By what a reactor is woken for its sinks: an id in the process's registry, as JavaScript threads have, and a descriptor
// in the poller, so that whoever sleeps in the poller or in an event loop around it has something to wake up for.
#pragma once

#include "queue/waker_registry.h"
#include "threads/wake_up.h"

namespace sluice {

class SinkWaker {
 public:
  SinkWaker() noexcept
      : id_(WakerRegistry::process().add([](void* wakeUp) { static_cast<WakeUp*>(wakeUp)->ring(); }, &wakeUp_)) {}
  ~SinkWaker() {
    if (id_ != 0) WakerRegistry::process().remove(id_);
  }
  SinkWaker(const SinkWaker&) = delete;
  SinkWaker& operator=(const SinkWaker&) = delete;

  /// -1 when the system had none to give.
  int descriptor() const noexcept { return wakeUp_.descriptor(); }
  /// 0 when the process has too many threads that can be woken.
  uint32_t id() const noexcept { return id_; }

 private:
  WakeUp wakeUp_;
  const uint32_t id_;
};

}  // namespace sluice
