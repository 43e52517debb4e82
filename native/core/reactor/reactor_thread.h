// The second way to drive a reactor: a native thread of its own, that hands frames to a consumer on another thread.
//
// A turn is: wait for readiness, apply the consumer's replies, read what is ready into an arena that the consumer lent,
// hand arena and events over. The thread holds the turn lock during a turn, and never while it waits.
//
//  - Data goes by message. Deliveries and replies (hand_over.h) lie in mailboxes; nobody waits for anybody, a reader is
//    woken only when it sleeps, and at most kMaxDeliveries are out. What is done with them is credit: without one, or
//    without an arena, the reactor does not read. It accepts while the events not yet taken are few, and it writes always.
//  - Control goes by lock. control() runs its argument between two turns, after everything that was posted before it:
//    as if the caller were the reactor's thread. It waits for one turn at most.
//  - The consumer names connections by slot, as everywhere: a slot has a new tenant only after the delivery with the end
//    of the old one has come back as `Reply::done`, and replies are applied in order, so that whatever was posted for the
//    old one comes before and finds it closed.
//
// stop() ends the thread: afterwards nothing touches an arena or calls `wake` any more.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "reactor/reactor.h"
#include "reactor/reactor_port.h"
#include "threads/fair_mutex.h"
#include "threads/mailbox.h"
#include "threads/monotonic_ms.h"
#include "threads/native_thread.h"

namespace sluice {

class ReactorThread {
 public:
  static constexpr uint32_t kMaxDeliveries = 8;
  static constexpr uint64_t kMaxWaitMs = 60'000;

  ReactorThread() = default;
  ~ReactorThread() { stop(); }
  ReactorThread(const ReactorThread&) = delete;
  ReactorThread& operator=(const ReactorThread&) = delete;

  /// `wake(context)` is called on the reactor's thread when there are deliveries and the consumer sleeps. Returns 0 or an
  /// errno value.
  int start(const char* name, void (*wake)(void*), void* context) noexcept;
  /// Ends and joins the thread. Idempotent.
  void stop() noexcept;

  /// Where replies go.
  const Ref<ReactorPort>& port() const noexcept { return port_; }
  /// The consumer's: takeAll() when woken, and park() afterwards.
  Mailbox<std::unique_ptr<Delivery>>& deliveries() noexcept { return deliveries_; }
  /// Where to keep the epoch of the output applied last; may be null. Under control() only.
  void setAppliedEpoch(int32_t* word) noexcept { appliedEpoch_ = word; }

  /// Runs `work(reactor)` between two turns.
  template <typename Work>
  void control(Work&& work) noexcept {
    {
      const std::lock_guard turn(turnLock_);
      reactor_.setNow(monotonicMs());
      applyReplies();
      work(reactor_);
    }
    port_->wake();  // it may have made work
  }

 private:
  void run() noexcept;
  int turn(std::span<const PollEvent> ready) noexcept;
  void applyReplies() noexcept;
  void apply(Reply& reply) noexcept;
  void handOver() noexcept;
  bool canFill() const noexcept { return reactor_.mayFill() && deliveriesOut_ < kMaxDeliveries && usableArena() >= 0; }
  int usableArena() const noexcept;
  std::unique_ptr<Delivery> blankDelivery() noexcept;

  Ref<ReactorPort> port_ = Ref<ReactorPort>::make();
  Mailbox<std::unique_ptr<Delivery>> deliveries_{Mailbox<std::unique_ptr<Delivery>>::Reader::kParked};
  NativeThread thread_;
  void (*wake_)(void*) = nullptr;
  void* wakeContext_ = nullptr;

  FairMutex turnLock_;
  // Under the turn lock:
  Reactor reactor_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Reply>> replies_;
  std::vector<LentArena> arenas_;  // empty ones
  uint32_t wantedBytes_ = 0;       // the consumer was asked for an arena of this size
  uint32_t deliveriesOut_ = 0;
  std::vector<std::unique_ptr<Delivery>> spareDeliveries_;
  int32_t* appliedEpoch_ = nullptr;
};

}  // namespace sluice
