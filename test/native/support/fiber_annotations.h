// Tells the sanitizers that the stack is about to change, without which they take a fiber for a corrupted thread.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define SLUICE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SLUICE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_TSAN 1
#endif
#endif

#ifdef SLUICE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SLUICE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::testing_support {

class FiberAnnotation {
 public:
  FiberAnnotation() = default;
  FiberAnnotation(const FiberAnnotation&) = delete;
  FiberAnnotation& operator=(const FiberAnnotation&) = delete;

  ~FiberAnnotation() {
#ifdef SLUICE_TSAN
    if (owned_) __tsan_destroy_fiber(fiber_);
#endif
  }

  /// The thread itself, before it enters the first fiber.
  void adoptMain() {
#ifdef SLUICE_TSAN
    fiber_ = __tsan_get_current_fiber();
#endif
  }

  /// A fiber that will run on this stack, which another may have left in the middle of a call.
  void create(void* stack, size_t size) {
    stack_ = stack;
    size_ = size;
#ifdef SLUICE_ASAN
    __asan_unpoison_memory_region(stack, size);
#endif
#ifdef SLUICE_TSAN
    fiber_ = __tsan_create_fiber(0);
    owned_ = true;
#endif
  }

  /// Before the switch from this one to `next`.
  void leave([[maybe_unused]] FiberAnnotation& next) {
#ifdef SLUICE_ASAN
    next.previous_ = this;
    __sanitizer_start_switch_fiber(&fake_, next.stack_, next.size_);
#endif
#ifdef SLUICE_TSAN
    __tsan_switch_to_fiber(next.fiber_, 0);
#endif
  }

  /// After the switch to this one.
  void entered() {
#ifdef SLUICE_ASAN
    const void* stack = nullptr;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(fake_, &stack, &size);
    if (previous_ != nullptr && previous_->stack_ == nullptr) {
      previous_->stack_ = stack;
      previous_->size_ = size;
    }
#endif
  }

 private:
  const void* stack_ = nullptr;
  size_t size_ = 0;
#ifdef SLUICE_ASAN
  void* fake_ = nullptr;
  FiberAnnotation* previous_ = nullptr;
#endif
#ifdef SLUICE_TSAN
  void* fiber_ = nullptr;
  bool owned_ = false;
#endif
};

}  // namespace sluice::testing_support
