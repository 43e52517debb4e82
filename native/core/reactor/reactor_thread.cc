#include "reactor/reactor_thread.h"

#include <algorithm>
#include <cerrno>

namespace sluice {

int ReactorThread::start(const char* name, void (*wake)(void*), void* context) noexcept {
  wake_ = wake;
  wakeContext_ = context;
  int error = reactor_.open();
  if (error == 0) error = reactor_.enableWake();
  if (error == 0) port_->setSleeper(&reactor_);
  if (error == 0) error = thread_.start(name, [](void* self) { static_cast<ReactorThread*>(self)->run(); }, this);
  return error;
}

void ReactorThread::stop() noexcept {
  if (!thread_.isRunning()) return port_->setSleeper(nullptr);
  {
    const std::lock_guard turn(turnLock_);
    stopping_ = true;
  }
  port_->wake();
  thread_.join();
  port_->setSleeper(nullptr);
}

void ReactorThread::run() noexcept {
  int timeoutMs = 0;
  for (;;) {
    const std::span<const PollEvent> ready = reactor_.wait(timeoutMs);
    const std::lock_guard lock(turnLock_);
    if (stopping_) return;
    timeoutMs = turn(ready);
  }
}

/// Returns how long to wait before the next.
int ReactorThread::turn(std::span<const PollEvent> ready) noexcept {
  const uint64_t now = monotonicMs();
  reactor_.take(ready, now);
  applyReplies();
  if (reactor_.tickAtMs() <= now) reactor_.tick(now);
  reactor_.runSinks();
  handOver();
  const bool busy = canFill() || reactor_.mayFeed() || reactor_.mayAccept() ||
                    (!reactor_.events().empty() && deliveriesOut_ < kMaxDeliveries) || !reactor_.parkSinks() ||
                    !port_->inbox_.park();
  if (busy) return 0;
  const uint64_t next = reactor_.tickAtMs();
  if (next == UINT64_MAX) return -1;
  return static_cast<int>(std::clamp<uint64_t>(next - std::min(next, now), 1, kMaxWaitMs));
}

void ReactorThread::applyReplies() noexcept {
  port_->inbox_.takeAll(replies_);
  for (std::unique_ptr<Reply>& reply : replies_) {
    apply(*reply);
    port_->putBack(std::move(reply));
  }
  replies_.clear();
}

void ReactorThread::apply(Reply& reply) noexcept {
  if (!reply.pieces.empty()) {
    reactor_.write(reply.pieces.data(), static_cast<uint32_t>(reply.pieces.size()), reply.bytes.data());
    // Released behind the gauges that write() stored: who sees the epoch sees in the gauge what of it is left.
    if (appliedEpoch_ != nullptr) {
      std::atomic_ref<int32_t>(*appliedEpoch_).store(reply.outputEpoch, std::memory_order_release);
    }
  }
  for (const uint32_t slot : reply.ended) {
    if (Connection* connection = reactor_.connection(slot)) reactor_.end(*connection);
  }
  for (const uint32_t slot : reply.destroyed) {
    if (Connection* connection = reactor_.connection(slot)) reactor_.destroy(*connection);
  }
  for (const uint32_t id : reply.released) {
    if (Endpoint* endpoint = reactor_.endpoint(id)) reactor_.release(*endpoint);
  }
  if (reply.done) {
    reactor_.recycle(reply.done->events);
    if (reply.done->arena.number != 0) arenas_.push_back(reply.done->arena);
    deliveriesOut_--;
    reply.done->clear();
    spareDeliveries_.push_back(std::move(reply.done));
  }
  arenas_.insert(arenas_.end(), reply.arenas.begin(), reply.arenas.end());
  for (const Reply::Reading& change : reply.reading) {
    if (Endpoint* endpoint = reactor_.endpoint(change.endpoint)) reactor_.setReading(*endpoint, change.on);
  }
  for (AcceptedConnection& accepted : reply.accepted) {
    const int fd = accepted.fd;
    accepted.fd = -1;
    reactor_.adopt(accepted.endpoint, fd, accepted.peer);
  }
  for (const uint32_t id : reply.credit) {
    if (Endpoint* endpoint = reactor_.endpoint(id)) reactor_.creditChanged(*endpoint);
  }
}

/// The arena to fill next, or -1.
int ReactorThread::usableArena() const noexcept {
  for (size_t i = arenas_.size(); i-- > 0;) {
    if (arenas_[i].arena.size >= std::max(wantedBytes_, kMinArenaBytes)) return static_cast<int>(i);
  }
  return -1;
}

std::unique_ptr<Delivery> ReactorThread::blankDelivery() noexcept {
  if (spareDeliveries_.empty()) return std::make_unique<Delivery>();
  std::unique_ptr<Delivery> delivery = std::move(spareDeliveries_.back());
  spareDeliveries_.pop_back();
  return delivery;
}

void ReactorThread::handOver() noexcept {
  if (deliveriesOut_ == kMaxDeliveries) return;
  std::unique_ptr<Delivery> delivery = blankDelivery();
  if (canFill()) {
    const auto at = static_cast<std::ptrdiff_t>(usableArena());
    const LentArena lent = arenas_[static_cast<size_t>(at)];
    wantedBytes_ = reactor_.fill(lent.arena);
    delivery->wantedBytes = wantedBytes_;
    if (!reactor_.batches().empty()) {
      arenas_.erase(arenas_.begin() + at);
      delivery->arena = lent;
      delivery->arenaWasFull = reactor_.arenaWasFull();
      for (const Batch& batch : reactor_.batches()) {
        delivery->batches.push_back({batch.endpoint->id, batch.firstFrame, batch.frameCount});
      }
    }
  }
  delivery->events.swap(reactor_.events());
  if (delivery->batches.empty() && delivery->events.empty() && delivery->wantedBytes == 0) {
    spareDeliveries_.push_back(std::move(delivery));
    return;
  }
  deliveriesOut_++;
  if (deliveries_.post(std::move(delivery))) wake_(wakeContext_);
}

}  // namespace sluice
