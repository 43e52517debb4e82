// How a connection ends.
//
// Its end has up to three steps. A read or a write finds the cause and puts the connection on its endpoint's settling
// list. When the batches that may hold its frames are released, so that every frame was handled and every reply given is
// in the output queue, settle() closes it, at once after a fault, else when its output is out. Then the end is reported, and the slot stays
// taken until the report has arrived.

#include <sys/socket.h>
#include <unistd.h>

#include "reactor/reactor.h"
#include "reactor/tokens.h"

namespace sluice {

/// The first fault is the reason. That the peer had ended its side is none: what it was still owed is lost by the fault.
void Reactor::blame(Connection& connection, CloseReason reason, int32_t error) noexcept {
  if (connection.reason != CloseReason::kNone && connection.reason != CloseReason::kPeerEnded) return;
  connection.reason = reason;
  connection.systemError = error;
  connection.endpoint->stats.faults++;
}

/// Ends a connection for a cause that waiting can't mend.
void Reactor::fault(Connection& connection, CloseReason reason, int32_t error) noexcept {
  if (!connection.isOpen() || connection.failed) return;
  connection.failed = true;
  connection.readable = false;
  blame(connection, reason, error);
  connection.endpoint->ready.remove(&connection);
  dropPartial(connection);
  settleSoon(connection);
}

/// The peer has ended its side, and its last frame was read: the connection is on its way out.
void Reactor::inputEnded(Connection& connection, CloseReason reason, int32_t error) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  dropPartial(connection);
  if (reason != CloseReason::kPeerEnded) {
    blame(connection, reason, error);
  } else if (connection.reason == CloseReason::kNone) {
    connection.reason = reason;
  }
  if (!endpoint.options.allowHalfOpen || connection.writeEnded || reason != CloseReason::kPeerEnded) {
    connection.closeWhenSent = true;
    settleLater(connection);
  }
}

/// What the peer sends can't be framed from here on. The frames in front are good: what the program answers to them leaves
/// first.
void Reactor::refuseInput(Connection& connection, CloseReason reason) noexcept {
  blame(connection, reason, 0);
  connection.readEnded = true;
  endGently(connection);
  if (connection.isOpen()) settleSoon(connection);
}

void Reactor::destroySoon(Connection& connection) noexcept {
  if (!connection.isOpen() || connection.failed || connection.discards) return;
  if (!connection.announced) return destroy(connection);
  if (connection.reason == CloseReason::kNone) connection.reason = CloseReason::kDestroyed;
  endGently(connection);
  if (connection.writeEnded) return settleSoon(connection);
  connection.endRequested = true;
  if (!connection.output) outputIsOut(connection);  // else flushOutput() comes there
}

/// Nothing more of it is read. When its output is out our side ends, and the socket lingers so that it arrives. Until then
/// what the peer sends is thrown away, since it may take nothing before it has sent everything.
void Reactor::endGently(Connection& connection) noexcept {
  const bool readable = connection.readable;
  connection.discards = true;
  connection.closeWhenSent = true;
  connection.lingerMs = kLingerMs;
  connection.readable = false;
  connection.endpoint->ready.remove(&connection);
  dropPartial(connection);
  if (readable) discardInput(connection.fd, connection.discarded, Lingering::kMaxBytes);
}

/// Settles as soon as the batches that may hold frames of this connection, the one being filled among them, are released.
void Reactor::settleSoon(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  settleLater(connection);
  if (endpoint.batches.none() && filling_ != &endpoint) settle(endpoint);
}

void Reactor::settleLater(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  if (SettleList::contains(&connection)) return;
  connection.settleAfter = endpoint.batches.last() + (filling_ == &endpoint ? 1 : 0);
  endpoint.settling.pushBack(&connection);
}

/// The list is in the order of `settleAfter`. With nothing outstanding everything may settle: a batch that was being
/// filled may have come to nothing.
void Reactor::settle(Endpoint& endpoint) noexcept {
  while (Connection* connection = endpoint.settling.front()) {
    if (!endpoint.batches.none() && !endpoint.batches.isReleased(connection->settleAfter)) return;
    endpoint.settling.remove(connection);
    if (!connection->isOpen()) {
      report(*connection);
    } else if (awaitsEnd(*connection)) {
      if (connection->endAnnounced) continue;
      connection->endAnnounced = true;
      endpoint.sink->peerEnded(*connection);
    } else if (connection->failed || (!connection->output && sendsEndFirst(*connection))) {
      closeDescriptor(*connection);
      report(*connection);
    }  // else flushOutput() comes back here when the output is out
  }
}

/// Whether our side is ended, for one that lingers. If not, that is under way, and flushOutput() comes back here.
bool Reactor::sendsEndFirst(Connection& connection) noexcept {
  if (connection.lingerMs == 0 || connection.writeEnded) return true;
  connection.endRequested = true;
  const Transport::Step step = connection.transport().end(connection.fd);
  connection.writeEnded = step.outcome != Transport::Io::kWait;
  if (!connection.writeEnded) awaitUnsent(connection);
  return connection.writeEnded;
}

/// The sink has frames of it in hand that the reactor does not know of: it says when they are answered.
bool Reactor::awaitsEnd(const Connection& connection) noexcept {
  return connection.endpoint->sink && !connection.endpoint->closing && connection.readEnded && !connection.failed &&
         !connection.endRequested && !connection.writeEnded;
}

void Reactor::closeDescriptor(Connection& connection) noexcept {
  connection.endpoint->ready.remove(&connection);
  dropPartial(connection);
  dropOutput(connection);
  dropTimers(connection);
  if (connection.lingerMs > 0 && connection.writeEnded && !connection.failed) {
    lingering_.add(poller_, connection.fd, nowMs_ + connection.lingerMs,
                   [](uint32_t index) { return token(kLingeringTokens | index, 0); });
  } else {
    ::close(connection.fd);  // the poller forgets it with the last descriptor
  }
  connection.fd = -1;
  connection.endpoint->openConnections--;
  if (connection.endpoint->admission) {
    connection.endpoint->admission->leave(connection.isCounted ? connection.peer : Admission::kNobody);
  }
}

/// Closes before the batches in hand are released; the report still waits for them.
void Reactor::closeNow(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  closeDescriptor(connection);
  if (!endpoint.batches.none()) {
    settleLater(connection);
  } else {
    endpoint.settling.remove(&connection);
    report(connection);
  }
}

void Reactor::report(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  const EventKind kind = connection.announced ? EventKind::kDisconnected
                         : endpoint.accepts() ? EventKind::kRefused
                                              : EventKind::kConnectFailed;
  events_.push_back({kind, connection.reason, endpoint.id, connection.slot, connection.systemError});
  if (!connection.announced) return;
  endpoint.stats.closed++;
  if (endpoint.sink) endpoint.sink->ended(connection);
}

void Reactor::dropPartial(Connection& connection) noexcept {
  if (connection.partial.empty()) return connection.partial.clear();
  connection.endpoint->partialBytes -= connection.partial.size();
  connection.partial.clear();
  settleCredit(*connection.endpoint);
}

void Reactor::destroy(Connection& connection, CloseReason reason) noexcept {
  if (!connection.isOpen()) return;
  if (connection.reason == CloseReason::kNone) connection.reason = reason;
  closeNow(connection);
}

}  // namespace sluice
