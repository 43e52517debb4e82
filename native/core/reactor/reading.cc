// From ready connections to frames in the arena.
//
// A connection is read straight into the arena, behind a copy of its unfinished frame, and what is unfinished after the
// scan is copied out again: a few dozen bytes as a rule. A frame too long for that (kAssembleInArena) is completed in
// its own buffer and copied into the arena once, whole, so that the work stays linear in its length.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

#include "reactor/reactor.h"
#include "reactor/shared_credit.h"

namespace sluice {

void Reactor::enqueue(Endpoint& endpoint) noexcept {
  if (&endpoint == filling_ || endpoint.queued || !endpoint.mayRead() || endpoint.ready.empty()) return;
  endpoint.queued = true;
  (endpoint.feedsSink ? feeding_ : work_).push_back(&endpoint);
}

void Reactor::markReadable(Connection& connection) noexcept {
  if (connection.failed || connection.handshaking) return;
  if (connection.discards) return discardInput(connection);
  if (connection.readEnded) return noticeReset(connection);
  connection.readable = true;
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
  settleCredit(endpoint);
  settle(endpoint);
  enqueue(endpoint);
}

void Reactor::beginFill(const Arena& arena) noexcept {
  table_ = FrameTable(arena.frames, arena.frameCapacity);
  position_ = 0;
  wanted_ = 0;
}

uint32_t Reactor::fill(const Arena& arena) noexcept {
  beginFill(arena);
  arenaWasFull_ = false;
  batches_.clear();
  for (size_t turns = work_.size(); turns > 0 && batches_.size() < kMaxBatches; turns--) {
    Endpoint& endpoint = *work_.front();
    work_.pop_front();
    endpoint.queued = false;
    if (!endpoint.mayRead()) continue;           // release() or setReading() brings it back
    if (!takeCredit(endpoint, arena)) continue;  // and this, creditChanged()
    const Read outcome = fillFrom(endpoint, arena);
    const uint32_t frames = table_.size() - batchFirstFrame_;
    if (frames > 0) {
      const uint32_t bytes = position_ - batchFirstByte_;
      batches_.push_back({&endpoint, batchFirstFrame_, frames, bytes, endpoint.batches.last()});
    }
    enqueue(endpoint);
    if (outcome == Read::kArenaFull) {
      arenaWasFull_ = true;
      break;
    }
    if (outcome == Read::kArenaTooSmall) break;
  }
  return batches_.empty() ? wanted_ : 0;
}

/// Reads a batch of one endpoint behind what the arena holds, within its credit. The batch counts as outstanding if it
/// has frames.
Reactor::Read Reactor::fillFrom(Endpoint& endpoint, const Arena& arena) noexcept {
  batchFirstFrame_ = table_.size();
  batchFirstByte_ = position_;
  filling_ = &endpoint;
  const Read outcome = readEndpoint(endpoint, arena);
  filling_ = nullptr;
  const uint32_t frames = table_.size() - batchFirstFrame_;
  if (frames > 0) {
    endpoint.stats.frames += frames;
    endpoint.stats.batches++;
    endpoint.batches.add(position_ - batchFirstByte_);
  } else {
    settle(endpoint);
  }
  settleCredit(endpoint);
  return outcome;
}

/// Sets the budget of the fill. False when the other parts of the listener hold all of it.
bool Reactor::takeCredit(Endpoint& endpoint, const Arena& arena) noexcept {
  budget_ = endpoint.options.limits.bufferedBytes;
  if (!endpoint.credit) return true;
  const uint64_t held = endpoint.heldBytes();
  const uint64_t room = arena.size - position_;
  const uint64_t granted = endpoint.credit->take(endpoint.creditPart, held, endpoint.partialBytes, room);
  endpoint.awaitsCredit = granted == 0;
  budget_ = held + granted;
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
Reactor::Read Reactor::readEndpoint(Endpoint& endpoint, const Arena& arena) noexcept {
  do {
    while (Connection* connection = endpoint.ready.popFront()) {
      if (endpoint.feedsSink && !endpoint.sink->mayRead(*connection)) {
        connection->heldByConsumer = connection->wasReady = true;
        continue;
      }
      const Read outcome = readConnection(*connection, arena);
      if (outcome == Read::kIdle) continue;
      if (outcome == Read::kAgain) {
        endpoint.ready.pushBack(connection);
        continue;
      }
      endpoint.ready.pushFront(connection);  // it is first in the next batch
      return outcome;
    }
  } while (lookAgain(endpoint));
  return Read::kIdle;
}

/// Whether more of the endpoint's connections became readable while the last were read. Asked only when the look before
/// found a burst: then more are likely, and the question costs less than a turn of its own for what it finds. A lone
/// request pays nothing for it.
bool Reactor::lookAgain(const Endpoint& endpoint) noexcept {
  if (found_ < kBurst || noticed_ >= kMaxNoticed) return false;
  notice(poller_.harvest(0));
  return !endpoint.ready.empty();
}

Reactor::Read Reactor::readConnection(Connection& connection, const Arena& arena) noexcept {
  PartialFrame& partial = connection.partial;
  if (table_.full()) return Read::kArenaFull;
  if (connection.readEnded) return finishInput(connection, arena);
  if (partial.unscanned && partial.whole == 0 && !probePartial(connection)) return Read::kIdle;
  if (partial.whole > 0) return deliverPartial(connection, arena);
  if (!connection.readable) return Read::kIdle;
  if (partial.size() > kAssembleInArena) return readIntoPartial(connection, arena);
  if (arena.size - position_ < partial.size() + kMinReadBytes) return Read::kArenaFull;
  return readIntoArena(connection, arena);
}

/// The outcome of a read, noted: > 0 bytes, 0 end of stream, -1 nothing now or a fault (then the connection failed).
int64_t Reactor::receive(Connection& connection, uint8_t* into, uint32_t length) noexcept {
  const Transport::Received received = connection.transport().receive(connection.fd, into, length);
  if (connection.layer) awaitUnsent(connection);
  switch (received.outcome) {
    case Transport::Io::kWait:
      connection.readable = connection.urgent = false;
      return -1;
    case Transport::Io::kFailed:
      connection.readable = false;
      transportFailed(connection, received.error);
      return -1;
    case Transport::Io::kEnded:
      connection.readable = false;
      connection.readEnded = true;
      return 0;
    case Transport::Io::kDone:
      break;
  }
  if (received.wasShort && connection.shortReadProves()) connection.readable = false;
  connection.active = true;
  connection.endpoint->stats.bytesIn += received.bytes;
  return received.bytes;
}

Reactor::Read Reactor::readIntoArena(Connection& connection, const Arena& arena) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  PartialFrame& partial = connection.partial;
  const uint32_t carried = partial.size();
  const uint32_t begin = position_;
  const uint64_t held = endpoint.heldBytes() + (position_ - batchFirstByte_);
  if (held >= budget_ && (table_.size() > batchFirstFrame_ || !endpoint.batches.none())) return Read::kNoCredit;
  const uint64_t allowance = std::max<uint64_t>(budget_ - std::min(held, budget_), kMinReadBytes);
  const auto length = static_cast<uint32_t>(std::min<uint64_t>({arena.size - begin - carried, kReadBytes, allowance}));

  if (carried > 0) std::memcpy(arena.bytes + begin, partial.bytes(), carried);
  const int64_t count = receive(connection, arena.bytes + begin + carried, length);
  if (count < 0) return Read::kIdle;
  if (count == 0) return finishInput(connection, arena);

  const uint32_t end = begin + carried + static_cast<uint32_t>(count);
  const ScanResult scan = endpoint.framer.scan(arena.bytes, begin, end, begin + partial.resume,
                                               static_cast<int32_t>(connection.slot), table_);
  position_ = static_cast<uint32_t>(scan.consumed);
  const uint32_t left = end - position_;
  endpoint.partialBytes += left;
  endpoint.partialBytes -= carried;
  if (!partial.assign(arena.bytes + position_, left)) {
    endpoint.partialBytes -= left;
    fault(connection, CloseReason::kSystem, ENOMEM);
    return Read::kIdle;
  }
  partial.resume = static_cast<uint32_t>(scan.resume - scan.consumed);
  partial.whole = 0;
  partial.unscanned = scan.status == ScanStatus::kTableFull;
  if (!keepScanStatus(connection, scan.status)) return Read::kIdle;
  if (partial.unscanned) return Read::kArenaFull;
  if (left > 0) boundPartials(endpoint);
  return connection.readable ? Read::kAgain : Read::kIdle;
}

/// False when the scan found a fault.
bool Reactor::keepScanStatus(Connection& connection, ScanStatus status) noexcept {
  switch (status) {
    case ScanStatus::kOk:
    case ScanStatus::kTableFull:
      return true;
    case ScanStatus::kTooLarge:
      fault(connection, CloseReason::kFrameTooLarge);
      return false;
    case ScanStatus::kMalformed:
      fault(connection, CloseReason::kFrameMalformed);
      return false;
  }
  return true;
}

Reactor::Read Reactor::readIntoPartial(Connection& connection, const Arena& arena) noexcept {
  PartialFrame& partial = connection.partial;
  uint8_t* into = partial.reserve(kPartialReadBytes);
  if (into == nullptr) {
    fault(connection, CloseReason::kSystem, ENOMEM);
    return Read::kIdle;
  }
  const int64_t count = receive(connection, into, std::min(partial.spare(), 4 * kPartialReadBytes));
  if (count < 0) return Read::kIdle;
  if (count == 0) return finishInput(connection, arena);
  partial.extend(static_cast<uint32_t>(count));
  connection.endpoint->partialBytes += static_cast<uint64_t>(count);
  partial.unscanned = true;
  if (!probePartial(connection)) return Read::kIdle;
  if (partial.whole > 0) return deliverPartial(connection, arena);
  boundPartials(*connection.endpoint);
  return connection.readable ? Read::kAgain : Read::kIdle;
}

/// Looks for a first whole frame in the unfinished bytes, where they lie. False when they are faulty.
bool Reactor::probePartial(Connection& connection) noexcept {
  PartialFrame& partial = connection.partial;
  int32_t words[FrameTable::kWordsPerFrame];
  FrameTable one(words, 1);
  const ScanResult scan = connection.endpoint->framer.scan(partial.bytes(), 0, partial.size(), partial.resume,
                                                           static_cast<int32_t>(connection.slot), one);
  if (one.size() > 0) {
    partial.whole = static_cast<uint32_t>(scan.consumed);
    return true;
  }
  partial.resume = static_cast<uint32_t>(scan.resume);
  partial.unscanned = false;
  return keepScanStatus(connection, scan.status);
}

/// The frame at hand needs `bytes` of arena and they aren't left.
Reactor::Read Reactor::lacks(uint32_t bytes) noexcept {
  if (position_ > 0 || table_.size() > 0) return Read::kArenaFull;
  wanted_ = bytes;
  return Read::kArenaTooSmall;
}

Reactor::Read Reactor::deliverPartial(Connection& connection, const Arena& arena) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  PartialFrame& partial = connection.partial;
  const uint32_t begin = position_;
  const uint32_t room = arena.size - begin;
  if (room < partial.whole) return lacks(partial.whole);
  const uint32_t taken = std::min(room, partial.size());
  const uint32_t end = begin + taken;
  std::memcpy(arena.bytes + begin, partial.bytes(), taken);
  const ScanResult scan =
      endpoint.framer.scan(arena.bytes, begin, end, begin + std::min(partial.resume, partial.whole - 1),
                           static_cast<int32_t>(connection.slot), table_);
  position_ = static_cast<uint32_t>(scan.consumed);
  const bool seenAll = taken == partial.size() && scan.status != ScanStatus::kTableFull;
  endpoint.partialBytes -= position_ - begin;
  partial.dropFront(position_ - begin);
  partial.resume = static_cast<uint32_t>(scan.resume - scan.consumed);
  partial.whole = 0;
  partial.unscanned = !seenAll;
  if (!keepScanStatus(connection, scan.status)) return Read::kIdle;
  return partial.unscanned || connection.readable ? Read::kAgain : Read::kIdle;
}

/// The peer ended its side: a last frame may come out of what is left, and the connection is on its way out.
Reactor::Read Reactor::finishInput(Connection& connection, const Arena& arena) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  PartialFrame& partial = connection.partial;
  CloseReason reason = connection.systemError != 0 ? CloseReason::kSystem : CloseReason::kPeerEnded;
  if (!partial.empty() && connection.systemError == 0) {
    const uint32_t size = partial.size();
    if (arena.size - position_ < size) return lacks(size);
    if (table_.full()) return Read::kArenaFull;
    std::memcpy(arena.bytes + position_, partial.bytes(), size);
    switch (endpoint.framer.finish(arena.bytes, position_, position_ + size, static_cast<int32_t>(connection.slot),
                                   table_)) {
      case FinishResult::kDelivered:
        position_ += size;
        break;
      case FinishResult::kNothing:
        break;
      case FinishResult::kTruncated:
        reason = CloseReason::kFrameTruncated;
        break;
      case FinishResult::kTooLarge:
        reason = CloseReason::kFrameTooLarge;
        break;
    }
  }
  dropPartial(connection);
  if (reason != CloseReason::kPeerEnded) {
    blame(connection, reason, connection.systemError);
  } else if (connection.reason == CloseReason::kNone) {
    connection.reason = reason;
  }
  if (!endpoint.options.allowHalfOpen || connection.writeEnded || reason != CloseReason::kPeerEnded) {
    connection.closeWhenSent = true;
    settleLater(connection);
  }
  return Read::kIdle;
}

/// Unfinished frames alone fill the budget: nothing is in hand whose release could make room, so the connection that
/// holds the most has to go. (One frame may be larger than the budget; it is not the frame that is refused.)
void Reactor::boundPartials(Endpoint& endpoint) noexcept {
  const EndpointLimits& limits = endpoint.options.limits;
  const uint64_t bound = std::max<uint64_t>(limits.bufferedBytes, uint64_t{limits.frameBytes} + kReadBytes);
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
