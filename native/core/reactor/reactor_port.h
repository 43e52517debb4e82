// The address of a reactor thread: what others hold to send it a Reply. It outlives the thread, so that who comes late
// writes to a box that nobody reads, and harms nobody.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "reactor/hand_over.h"
#include "threads/mailbox.h"
#include "threads/ref.h"

namespace sluice {

class ReactorPort : public RefCounted {
 public:
  ReactorPort() noexcept : inbox_(Mailbox<std::unique_ptr<Reply>>::Reader::kAwake) {}

  /// An empty reply, used before if there is one.
  std::unique_ptr<Reply> blank() noexcept {
    const std::lock_guard lock(spareMutex_);
    if (spare_.empty()) return std::make_unique<Reply>();
    std::unique_ptr<Reply> reply = std::move(spare_.back());
    spare_.pop_back();
    return reply;
  }

  void post(std::unique_ptr<Reply> reply) noexcept {
    if (inbox_.post(std::move(reply))) wake();
  }

 private:
  friend class ReactorThread;
  static constexpr size_t kSpareReplies = 8;

  /// Whom to wake: from the thread's start to its end. The mutex sees to it that nobody wakes one that is gone; it is taken
  /// once for a sleep of the thread, not for each reply.
  void setSleeper(const Reactor* reactor) noexcept {
    const std::lock_guard lock(wakeMutex_);
    sleeper_ = reactor;
  }
  void wake() noexcept {
    const std::lock_guard lock(wakeMutex_);
    if (sleeper_ != nullptr) sleeper_->wake();
  }

  void putBack(std::unique_ptr<Reply> reply) noexcept {
    reply->clear();
    const std::lock_guard lock(spareMutex_);
    if (spare_.size() < kSpareReplies) spare_.push_back(std::move(reply));
  }

  Mailbox<std::unique_ptr<Reply>> inbox_;
  std::mutex wakeMutex_;
  const Reactor* sleeper_ = nullptr;
  std::mutex spareMutex_;
  std::vector<std::unique_ptr<Reply>> spare_;
};

}  // namespace sluice
