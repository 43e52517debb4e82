// A thread of our own: named, with a small stack, and deaf to signals, which belong to the threads that the host made.
#pragma once

#include <pthread.h>

namespace sluice {

class NativeThread {
 public:
  /// Runs `body(context)`. `name` has at most 15 characters, pthread_setname_np(3). Returns 0 or an errno value.
  int start(const char* name, void (*body)(void*), void* context) noexcept;
  /// Waits for the end of the body; nothing when there was no start.
  void join() noexcept;
  bool isRunning() const noexcept { return running_; }

 private:
  static void* enter(void* self) noexcept;

  pthread_t thread_{};
  bool running_ = false;
  char name_[16] = {};
  void (*body_)(void*) = nullptr;
  void* context_ = nullptr;
};

}  // namespace sluice
