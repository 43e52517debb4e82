// Which connections are read, when, and what follows from what was read. The reading itself is BatchFiller's.

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

#include "reactor/reactor.h"
#include "reactor/shared_credit.h"

namespace sluice {

void Reactor::enqueue(Endpoint& endpoint) noexcept {
  if (&endpoint == filling_ || endpoint.queued || endpoint.ready.empty()) return;
  if (!endpoint.mayRead()) return noteFull(endpoint);
  endpoint.queued = true;
  (endpoint.feedsSink ? feeding_ : work_).push_back(&endpoint);
}

void Reactor::markReadable(Connection& connection) noexcept {
  if (connection.failed || !connection.announced) return;
  if (connection.discards) {
    discardInput(connection.fd, connection.discarded, Lingering::kMaxBytes);
    return;
  }
  if (connection.readEnded) return noticeReset(connection);
  connection.readable = true;
  noteWaiting(connection);
  Endpoint& endpoint = *connection.endpoint;
  if (connection.hangup && (!endpoint.reading || connection.heldByProgram)) {
    noticeEndUnread(connection);
    if (!connection.isOpen() || connection.readEnded || connection.failed) return;
  }
  if (connection.isHeld()) return;
  endpoint.ready.pushBack(&connection);
  enqueue(endpoint);
}

/// Nobody reads, or not this one. An orderly end needs no reader when nothing lies in front of it, and waits for one otherwise. A reset waits
/// for nobody: the connection is gone, and what it left unread goes with it.
void Reactor::noticeEndUnread(Connection& connection) noexcept {
  if (const int error = pendingError(connection); error != 0) return fault(connection, CloseReason::kSystem, error);
  if (!connection.partial.empty() || connection.layer || connection.endpoint->options.allowHalfOpen) return;
  uint8_t byte;
  if (::recv(connection.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) return;
  connection.readEnded = true;
  connection.closeWhenSent = true;
  if (connection.reason == CloseReason::kNone) connection.reason = CloseReason::kPeerEnded;
  settleSoon(connection);
}

/// A connection that only writes any more (half open) has no read to find a reset with.
void Reactor::noticeReset(Connection& connection) noexcept {
  if (!connection.hangup || connection.closeWhenSent) return;
  if (const int error = pendingError(connection); error != 0) fault(connection, CloseReason::kSystem, error);
}

/// The error that has ended the connection, a reset as a rule, or 0. SO_ERROR alone would not do: it tells of ICMP messages
/// too that TCP has survived (tcp(7)), and only of an error that has ended it does poll(2) speak.
int Reactor::pendingError(const Connection& connection) noexcept {
  if (connection.systemError != 0) return connection.systemError;
  pollfd errors{.fd = connection.fd, .events = 0, .revents = 0};
  if (::poll(&errors, 1, 0) != 1 || (errors.revents & POLLERR) == 0) return 0;
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

void Reactor::setReading(Endpoint& endpoint, bool reading) noexcept {
  endpoint.reading = reading;
  if (reading) return enqueue(endpoint);
  // Ends that a reader would have come to.
  std::vector<Connection*> hungUp;
  for (Connection* c = endpoint.ready.front(); c != nullptr; c = endpoint.ready.after(c)) {
    if (c->hangup) hungUp.push_back(c);
  }
  for (Connection* c : hungUp) {
    if (c->isOpen() && !c->failed && !c->readEnded) noticeEndUnread(*c);
  }
}

void Reactor::hold(Connection& connection, bool held) noexcept {
  if (!connection.isOpen() || connection.heldByConsumer == held) return;
  connection.heldByConsumer = held;
  if (held) {
    passOver(connection);
  } else {
    resume(connection);
  }
}

void Reactor::pause(Connection& connection, bool paused) noexcept {
  if (!connection.isOpen() || connection.heldByProgram == paused) return;
  connection.heldByProgram = paused;
  if (!paused) return resume(connection);
  passOver(connection);
  if (connection.hangup && !connection.failed && !connection.readEnded) noticeEndUnread(connection);
}

/// It stands in the list for more than what its socket says: a whole frame, or an end, that found the arena full.
void Reactor::passOver(Connection& connection) noexcept {
  if (!ReadyList::contains(&connection)) return;
  connection.wasReady = true;
  connection.endpoint->ready.remove(&connection);
}

/// After a hold has ended: reads on unless there is another.
void Reactor::resume(Connection& connection) noexcept {
  if (connection.isHeld() || connection.failed) return;
  if (!connection.readable && !connection.partial.unscanned && !connection.wasReady) return;
  connection.wasReady = false;
  connection.endpoint->ready.pushBack(&connection);
  enqueue(*connection.endpoint);
}

void Reactor::release(Endpoint& endpoint) noexcept {
  if (endpoint.batches.none()) return;
  endpoint.batches.releaseOldest();
  noLongerBehind(endpoint);
  settleCredit(endpoint);
  settle(endpoint);
  enqueue(endpoint);
}

uint32_t Reactor::fill(const Arena& arena) noexcept {
  filler_.begin(arena);
  arenaWasFull_ = false;
  batches_.clear();
  for (size_t turns = work_.size(); turns > 0 && batches_.size() < kMaxBatches; turns--) {
    Endpoint& endpoint = *work_.front();
    work_.pop_front();
    endpoint.queued = false;
    if (!endpoint.mayRead()) continue;  // release() or setReading() brings it back
    uint64_t budget = 0;
    if (!takeCredit(endpoint, budget)) continue;  // and this, creditChanged()
    const Read read = fillFrom(endpoint, budget);
    if (filler_.frames() > 0) {
      batches_.push_back({&endpoint, filler_.firstFrame(), filler_.frames(), filler_.bytes(), endpoint.batches.last()});
    }
    enqueue(endpoint);
    if (read.outcome == Read::Outcome::kArenaFull) {
      arenaWasFull_ = true;
      break;
    }
    if (read.outcome == Read::Outcome::kArenaTooSmall) break;
  }
  return batches_.empty() ? filler_.wanted() : 0;
}

/// Reads a batch of one endpoint behind what the arena holds. The batch counts as outstanding if it has frames.
Read Reactor::fillFrom(Endpoint& endpoint, uint64_t budget) noexcept {
  filler_.beginBatch(budget);
  filling_ = &endpoint;
  const Read read = readEndpoint(endpoint);
  filling_ = nullptr;
  if (filler_.frames() > 0) {
    endpoint.stats.frames += filler_.frames();
    endpoint.stats.batches++;
    endpoint.batches.add(filler_.bytes());
  } else {
    settle(endpoint);
  }
  settleCredit(endpoint);
  return read;
}

/// What the endpoint may hold during the fill. False when the other parts of the listener hold all of it.
bool Reactor::takeCredit(Endpoint& endpoint, uint64_t& budget) noexcept {
  budget = endpoint.options.limits.bufferedBytes;
  if (!endpoint.credit) return true;
  const uint64_t held = endpoint.heldBytes();
  const uint64_t granted = endpoint.credit->take(endpoint.creditPart, held, endpoint.partialBytes, filler_.room());
  endpoint.awaitsCredit = granted == 0;
  budget = held + granted;
  return granted > 0;
}

void Reactor::settleCredit(Endpoint& endpoint) noexcept {
  if (!endpoint.credit) return;
  if (filling_ == &endpoint) {
    endpoint.credit->settlePartial(endpoint.creditPart, endpoint.partialBytes);
  } else {
    endpoint.credit->settle(endpoint.creditPart, endpoint.heldBytes(), endpoint.partialBytes);
  }
}

void Reactor::creditChanged(Endpoint& endpoint) noexcept {
  endpoint.awaitsCredit = false;
  boundPartials(endpoint);
  enqueue(endpoint);
}

/// Takes the endpoint's ready connections in turn, each for one read, until none is left, not even at another look at the
/// poller, or the arena is full.
Read Reactor::readEndpoint(Endpoint& endpoint) noexcept {
  do {
    while (Connection* connection = endpoint.ready.popFront()) {
      if (endpoint.feedsSink && !endpoint.sink->mayRead(*connection)) {
        connection->heldByConsumer = connection->wasReady = true;
        continue;
      }
      const uint64_t bytesBefore = endpoint.stats.bytesIn;
      const uint32_t framesBefore = filler_.allFrames();
      const Read read = filler_.read(*connection, frameAllowance(*connection));
      if (connection->timers) {
        noteRead(*connection, endpoint.stats.bytesIn - bytesBefore, filler_.allFrames() - framesBefore);
        if (read.outcome == Read::Outcome::kFramesUsedUp) {
          holdForRate(*connection);
          continue;
        }
        if (endpoint.options.limits.closesOverRate && connection->timers->tokens < 0) {
          refuseInput(*connection, CloseReason::kFrameRate);
          continue;
        }
      }
      if (read.stopsTheBatch()) {
        endpoint.ready.pushFront(connection);  // it is first in the next batch
        return read;
      }
      follow(*connection, read);
    }
  } while (lookAgain(endpoint));
  return {Read::Outcome::kIdle};
}

/// What follows from a read.
void Reactor::follow(Connection& connection, const Read& read) noexcept {
  if (connection.layer) awaitUnsent(connection);
  switch (read.outcome) {
    case Read::Outcome::kFailed:
      return transportFailed(connection, read.error);
    case Read::Outcome::kMalformed:
      return refuseInput(connection, read.reason);
    case Read::Outcome::kEnded:
      return inputEnded(connection, read.reason, read.error);
    default:
      break;
  }
  if (!connection.partial.empty()) boundPartials(*connection.endpoint);  // which may close this one
  if (read.outcome == Read::Outcome::kAgain && !connection.failed) connection.endpoint->ready.pushBack(&connection);
}

/// Whether more of the endpoint's connections became readable while the last were read. Asked only when the look before
/// found a burst: then more are likely, and the question costs less than a turn of its own for what it finds. A lone
/// request pays nothing for it.
bool Reactor::lookAgain(const Endpoint& endpoint) noexcept {
  if (found_ < kBurst || noticed_ >= kMaxNoticed) return false;
  notice(poller_.harvest(0));
  return !endpoint.ready.empty();
}

/// Unfinished frames alone fill the budget: nothing is in hand whose release could make room, so the connection that
/// holds the most has to go. (One frame may be larger than the budget; it is not the frame that is refused.)
void Reactor::boundPartials(Endpoint& endpoint) noexcept {
  const EndpointLimits& limits = endpoint.options.limits;
  const uint64_t bound =
      std::max<uint64_t>(limits.bufferedBytes, uint64_t{limits.frameBytes} + BatchFiller::kReadBytes);
  for (;;) {
    settleCredit(endpoint);
    const bool tooMuch =
        endpoint.credit ? endpoint.credit->mustShrink(endpoint.creditPart, bound) : endpoint.partialBytes > bound;
    if (!tooMuch) return;
    Connection* largest = nullptr;
    for (Connection* c = endpoint.connections.front(); c != nullptr; c = endpoint.connections.after(c)) {
      if (c->isOpen() && (largest == nullptr || c->partial.size() > largest->partial.size())) largest = c;
    }
    if (largest == nullptr || largest->partial.empty()) return;
    fault(*largest, CloseReason::kBufferLimit);
  }
}

}  // namespace sluice
