// How a connection ends.
//
// Its end has up to three steps. A read or a write finds the cause and puts the connection on its endpoint's settling
// list. When no batch is outstanding, so that every frame was handled and every reply given is in the output queue,
// settle() closes it, at once after a fault, else when its output is out. Then the end is reported, and the slot stays
// taken until the report has arrived.

#include <sys/socket.h>
#include <unistd.h>

#include "reactor/reactor.h"

namespace sluice {

/// Ends a connection for a cause that waiting can't mend.
void Reactor::fault(Connection& connection, CloseReason reason, int32_t error) noexcept {
  if (!connection.isOpen() || connection.failed) return;
  connection.failed = true;
  connection.readable = false;
  if (connection.reason == CloseReason::kNone) {
    connection.reason = reason;
    connection.systemError = error;
    connection.endpoint->stats.faults++;
  }
  connection.endpoint->ready.remove(&connection);
  dropPartial(connection);
  settleSoon(connection);
}

/// Settles now unless the endpoint's batch is still out, or is being filled.
void Reactor::settleSoon(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  endpoint.settling.pushBack(&connection);
  if (!endpoint.outstanding && filling_ != &endpoint) settle(endpoint);
}

void Reactor::settle(Endpoint& endpoint) noexcept {
  while (Connection* connection = endpoint.settling.popFront()) {
    if (!connection->isOpen()) {
      report(*connection);
    } else if (connection->failed || !connection->output) {
      closeNow(*connection);
    }  // else flushOutput() comes back here when the output is out
  }
}

void Reactor::closeNow(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  endpoint.ready.remove(&connection);
  dropPartial(connection);
  dropOutput(connection);
  ::close(connection.fd);  // the poller forgets it with the last descriptor
  connection.fd = -1;
  if (endpoint.outstanding) {
    endpoint.settling.pushBack(&connection);
  } else {
    endpoint.settling.remove(&connection);
    report(connection);
  }
}

void Reactor::report(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  const bool neverConnected = connection.connecting;
  events_.push_back({neverConnected ? EventKind::kConnectFailed : EventKind::kDisconnected, connection.reason,
                     endpoint.id, connection.slot, connection.systemError});
  if (!neverConnected) endpoint.stats.closed++;
  forgetAddress(endpoint, connection.peer);
}

void Reactor::dropPartial(Connection& connection) noexcept {
  connection.endpoint->partialBytes -= connection.partial.size();
  connection.partial.clear();
}

void Reactor::destroy(Connection& connection) noexcept {
  if (!connection.isOpen()) return;
  if (connection.reason == CloseReason::kNone) connection.reason = CloseReason::kDestroyed;
  closeNow(connection);
}

DrainProgress Reactor::drainStep(Endpoint& endpoint) noexcept {
  DrainProgress progress;
  for (Connection* c = endpoint.connections.front(); c != nullptr;) {
    Connection* next = endpoint.connections.after(c);
    if (c->isOpen()) {
      const bool inFlight = c->active || endpoint.outstanding || ReadyList::contains(c) || c->readable ||
                            !c->partial.empty() || c->output;
      c->active = false;
      if (inFlight) {
        progress.remaining++;
      } else {
        if (c->reason == CloseReason::kNone) c->reason = CloseReason::kDrained;
        closeNow(*c);
        progress.closed++;
      }
    }
    c = next;
  }
  return progress;
}

}  // namespace sluice
