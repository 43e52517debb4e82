// By what a reactor is woken for its sinks: an id in the process's registry, as JavaScript threads have, behind which its
// poller's wake() stands. So whoever sleeps in the poller, or in an event loop around it, wakes up.
#pragma once

#include "poller/poller.h"
#include "queue/waker_registry.h"

namespace sluice {

class SinkWaker {
 public:
  /// The poller's wake() is enabled, and outlives this.
  explicit SinkWaker(const Poller& poller) noexcept
      : id_(WakerRegistry::process().add([](void* it) { static_cast<const Poller*>(it)->wake(); },
                                         const_cast<Poller*>(&poller))) {}
  ~SinkWaker() {
    // The registry calls nobody any more when this has returned.
    if (id_ != 0) WakerRegistry::process().remove(id_);
  }
  SinkWaker(const SinkWaker&) = delete;
  SinkWaker& operator=(const SinkWaker&) = delete;

  /// 0 when the process has too many threads that can be woken.
  uint32_t id() const noexcept { return id_; }

 private:
  const uint32_t id_;
};

}  // namespace sluice
