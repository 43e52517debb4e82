// A mutex that a thread in a loop cannot keep to itself.
//
// Whoever unlocks an ordinary mutex and locks it again at once usually gets it, and a waiter that was just woken sleeps
// on: a busy reactor thread would lock everybody else out. Here a waiter holds the door while it waits for the room, so
// who comes back has to stand behind it. With two threads each waits for the other at most once.
#pragma once

#include <mutex>

namespace sluice {

class FairMutex {
 public:
  void lock() noexcept {
    door_.lock();
    room_.lock();
    door_.unlock();
  }
  void unlock() noexcept { room_.unlock(); }

 private:
  std::mutex door_;
  std::mutex room_;
};

}  // namespace sluice
