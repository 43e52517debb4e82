// From ready connections to sinks: the same reading as for a batch, into memory of the reactor's own that is used again at
// once, since a sink keeps nothing of it.

#include <algorithm>
#include <cerrno>

#include "reactor/reactor.h"

namespace sluice {

int Reactor::addSink(Endpoint& endpoint, Ref<FrameSink> sink, bool feeds) noexcept {
  if (!sinkWaker_) {
    if (const int error = enableWake(); error != 0) return error;
    auto waker = std::make_unique<SinkWaker>(poller_);
    if (waker->id() == 0) return EAGAIN;
    sinkWaker_ = std::move(waker);
  }
  sink->begin(*this, sinkWaker_->id());
  sinks_.push_back(sink);
  endpoint.sink = std::move(sink);
  for (Connection* c = endpoint.connections.front(); c != nullptr;) {
    Connection* next = endpoint.connections.after(c);
    if (c->isOpen() && c->announced) endpoint.sink->opened(*c);
    c = next;
  }
  if (feeds) {
    std::erase(work_, &endpoint);
    endpoint.queued = false;
    endpoint.feedsSink = true;
    enqueue(endpoint);
  }
  return 0;
}

void Reactor::removeSink(const FrameSink& sink) noexcept {
  for (auto& [id, endpoint] : endpoints_) {
    if (!endpoint->sink || &*endpoint->sink != &sink) continue;
    std::erase(feeding_, endpoint.get());
    endpoint->queued = false;
    endpoint->reading = false;
    endpoint->feedsSink = false;
    endpoint->sink = {};
  }
  std::erase_if(sinks_, [&](const Ref<FrameSink>& mine) { return &*mine == &sink; });
}

void Reactor::runSinks() noexcept {
  for (const Ref<FrameSink>& sink : sinks_) sink->work();
  for (int i = 0; i < kFeedsPerTurn && !feeding_.empty(); i++) {
    Endpoint& endpoint = *feeding_.front();
    feeding_.pop_front();
    endpoint.queued = false;
    feed(endpoint);
  }
}

void Reactor::feed(Endpoint& endpoint) noexcept {
  for (uint32_t bytes = kSinkArenaBytes; bytes != 0;) {
    if (!endpoint.mayRead()) return;
    const Arena arena = sinkArena(bytes);
    filler_.begin(arena);
    uint64_t budget = 0;
    if (!takeCredit(endpoint, budget)) return;
    fillFrom(endpoint, budget);
    bytes = 0;
    if (filler_.allFrames() > 0) {
      endpoint.sink->take(arena, 0, filler_.allFrames());
      release(endpoint);
    } else {
      bytes = filler_.wanted();  // the next frame alone is longer than the arena
    }
  }
  enqueue(endpoint);
}

/// Memory of at least `bytes`; what was made larger for a long frame does not stay.
Arena Reactor::sinkArena(uint32_t bytes) noexcept {
  const bool fits = sinkArenaBytes_ >= bytes && (sinkArenaBytes_ == kSinkArenaBytes || bytes > kSinkArenaBytes);
  if (!fits) {
    sinkBytes_ = std::make_unique_for_overwrite<uint8_t[]>(bytes);
    sinkArenaBytes_ = bytes;
  }
  if (!sinkFrames_) {
    sinkFrames_ = std::make_unique_for_overwrite<int32_t[]>(size_t{kSinkArenaFrames} * FrameTable::kWordsPerFrame);
  }
  return {.bytes = sinkBytes_.get(), .size = bytes, .frames = sinkFrames_.get(), .frameCapacity = kSinkArenaFrames};
}

bool Reactor::parkSinks() noexcept {
  bool quiet = true;
  for (const Ref<FrameSink>& sink : sinks_) quiet &= sink->park();
  return quiet && feeding_.empty();
}

bool Reactor::sinksNeedTick() const noexcept {
  return std::any_of(sinks_.begin(), sinks_.end(), [](const Ref<FrameSink>& sink) { return sink->needsTick(); });
}

}  // namespace sluice
