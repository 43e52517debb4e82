// How an endpoint is drained: each connection is closed when it was silent for so long and nothing of it is in flight.
//
// This is the clock algorithm of page replacement: traffic sets a connection's `active` bit, a sweep clears it and closes
// the connections that it finds clear. Sweeps are at least `quietMs` apart, so whoever is closed was silent for as long;
// nobody stays longer than twice that after its last byte. No connection pays for a time stamp, and nobody has to ask:
// the end of each connection is an event.

#include <algorithm>

#include "reactor/reactor.h"

namespace sluice {

void Reactor::drain(Endpoint& endpoint, uint32_t quietMs, uint64_t nowMs) noexcept {
  nowMs_ = nowMs;
  if (!endpoint.draining) draining_.push_back(&endpoint);
  endpoint.draining = true;
  endpoint.quietMs = quietMs;
  // Silence counts from here on: bytes may have arrived that no look at the poller has found yet.
  for (Connection* c = endpoint.connections.front(); c != nullptr; c = endpoint.connections.after(c)) c->active = true;
  if (quietMs == 0) sweep(endpoint);
  endpoint.sweepAtMs = nowMs + std::max(quietMs, 1U);
}

void Reactor::stopDraining(Endpoint& endpoint) noexcept {
  if (!endpoint.draining) return;
  endpoint.draining = false;
  std::erase(draining_, &endpoint);
}

void Reactor::sweepDue(uint64_t nowMs) noexcept {
  for (Endpoint* endpoint : draining_) {
    if (endpoint->sweepAtMs > nowMs) continue;
    sweep(*endpoint);
    endpoint->sweepAtMs = nowMs + std::max(endpoint->quietMs, 1U);
  }
}

void Reactor::sweep(Endpoint& endpoint) noexcept {
  for (Connection* c = endpoint.connections.front(); c != nullptr;) {
    Connection* next = endpoint.connections.after(c);
    if (c->isOpen()) {
      const bool wasActive = c->active && endpoint.quietMs > 0;
      c->active = false;
      if (!wasActive && !isInFlight(*c)) {
        if (c->reason == CloseReason::kNone) c->reason = CloseReason::kDrained;
        closeNow(*c);
      }
    }
    c = next;
  }
}

/// Whether something of it is read and not handled, or written and not sent.
bool Reactor::isInFlight(const Connection& connection) noexcept {
  const Endpoint& endpoint = *connection.endpoint;
  return connection.connecting || connection.readable || connection.output || !connection.partial.empty() ||
         ReadyList::contains(&connection) || !endpoint.batches.none() ||
         (endpoint.sink && endpoint.sink->isBusyWith(connection));
}

}  // namespace sluice
