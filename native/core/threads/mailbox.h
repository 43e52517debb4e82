// Messages from any threads to one reader, in order, that wake the reader only when it sleeps.
//
// The memory-ordering argument is the mutex: everything that a writer did before post() is seen by the reader after
// takeAll(). So is the argument that no wake-up is lost. The reader says park() before it sleeps, and under the same lock
// either finds a message, and does not sleep, or leaves the word that makes the next post() return true; that writer, and
// no other, then wakes it. Messages are rare, one a turn and not one a frame, so that an uncontended lock (about 20 ns)
// is not worth a cleverer structure; it is held for a push or a swap.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

namespace sluice {

template <typename Message>
class Mailbox {
 public:
  enum class Reader : bool { kAwake, kParked };
  explicit Mailbox(Reader reader) noexcept : parked_(reader == Reader::kParked) {}

  /// True when the reader sleeps: the caller wakes it.
  [[nodiscard]] bool post(Message message) noexcept {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    return std::exchange(parked_, false);
  }

  /// Exchanges `into`, which is empty, for all messages. The reader counts as awake.
  void takeAll(std::vector<Message>& into) noexcept {
    const std::lock_guard lock(mutex_);
    parked_ = false;
    messages_.swap(into);
  }

  /// The reader is about to sleep. False when there are messages: then it must not.
  [[nodiscard]] bool park() noexcept {
    const std::lock_guard lock(mutex_);
    parked_ = messages_.empty();
    return parked_;
  }

 private:
  std::mutex mutex_;
  std::vector<Message> messages_;
  bool parked_;
};

}  // namespace sluice
