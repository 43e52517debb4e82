// What becomes of frames while the consumer is behind, where the program chose something else than to let the senders wait.
//
// The consumer is behind when it has had all its batches in hand for kBehindMs, or more than the budget, and frames wait
// all the while. From then on, until it gives one back, what arrives is read and cut, so that what is dropped is whole
// frames, and counted.

#include <algorithm>

#include "reactor/reactor.h"

namespace sluice {

/// The endpoint has frames to read and may not.
void Reactor::noteFull(Endpoint& endpoint) noexcept {
  if (endpoint.options.overflow == Overflow::kPause || !endpoint.reading || endpoint.feedsSink) return;
  if (endpoint.behindAtMs != 0 || endpoint.closing) return;
  endpoint.behindAtMs = nowMs_ + kBehindMs;
  behind_.push_back(&endpoint);
}

void Reactor::noLongerBehind(Endpoint& endpoint) noexcept {
  if (endpoint.behindAtMs == 0) return;
  endpoint.behindAtMs = 0;
  std::erase(behind_, &endpoint);
}

void Reactor::relieveThoseBehind(uint64_t nowMs) noexcept {
  const std::vector<Endpoint*> all = behind_;
  for (Endpoint* endpoint : all) {
    if (endpoint->behindAtMs > nowMs) continue;
    relieve(*endpoint);
    endpoint->behindAtMs = nowMs + kRelieveEveryMs;
  }
}

void Reactor::relieve(Endpoint& endpoint) noexcept {
  if (endpoint.options.overflow == Overflow::kDisconnect) {
    while (Connection* connection = endpoint.ready.popFront()) refuseInput(*connection, CloseReason::kOverflow);
    return;
  }
  uint32_t bytes = kSinkArenaBytes;
  for (int i = 0; i < kRelieveReads && !endpoint.ready.empty(); i++) {
    filler_.begin(sinkArena(bytes));
    filler_.beginBatch(UINT64_MAX);
    filling_ = &endpoint;
    readEndpoint(endpoint);
    filling_ = nullptr;
    endpoint.stats.dropped += filler_.allFrames();
    bytes = std::max(kSinkArenaBytes, filler_.wanted());
  }
  settleCredit(endpoint);
}

}  // namespace sluice
