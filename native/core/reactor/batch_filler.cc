#include "reactor/batch_filler.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice {

void BatchFiller::begin(const Arena& arena) noexcept {
  arena_ = arena;
  table_ = FrameTable(arena.frames, arena.frameCapacity);
  position_ = 0;
  wanted_ = 0;
  beginBatch(0);
}

void BatchFiller::beginBatch(uint64_t budget) noexcept {
  batchFirstFrame_ = table_.size();
  batchFirstByte_ = position_;
  budget_ = budget;
}

Read BatchFiller::read(Connection& connection, uint32_t most) noexcept {
  if (most >= table_.room()) return readSome(connection);
  const uint32_t capacity = table_.capacity();
  const uint32_t limit = table_.size() + most;
  table_.setCapacity(limit);
  Read read = readSome(connection);
  table_.setCapacity(capacity);
  if (read.outcome == Outcome::kArenaFull && table_.size() == limit) read.outcome = Outcome::kFramesUsedUp;
  return read;
}

Read BatchFiller::readSome(Connection& connection) noexcept {
  PartialFrame& partial = connection.partial;
  if (table_.full()) return {Outcome::kArenaFull};
  if (connection.readEnded) return finish(connection);
  if (partial.unscanned && partial.whole == 0) {
    const Read probed = scanned(connection, probePartial(connection));
    if (probed.outcome == Outcome::kMalformed) return probed;
  }
  if (partial.whole > 0) return deliverPartial(connection);
  if (!connection.readable) return {Outcome::kIdle};
  if (partial.size() > kAssembleInArena) return readIntoPartial(connection);
  if (room() < partial.size() + kMinReadBytes) return {Outcome::kArenaFull};
  return readIntoArena(connection);
}

Read BatchFiller::goOn(const Connection& connection) noexcept {
  return {connection.readable || connection.partial.unscanned ? Outcome::kAgain : Outcome::kIdle};
}

Read BatchFiller::scanned(const Connection& connection, ScanStatus status) noexcept {
  switch (status) {
    case ScanStatus::kOk:
    case ScanStatus::kTableFull:
      return goOn(connection);
    case ScanStatus::kTooLarge:
      return {Outcome::kMalformed, CloseReason::kFrameTooLarge};
    case ScanStatus::kMalformed:
      return {Outcome::kMalformed, CloseReason::kFrameMalformed};
  }
  return goOn(connection);
}

/// One read of the transport, noted: `count` bytes where it answers kDone.
Transport::Io BatchFiller::receive(Connection& connection, uint8_t* into, uint32_t length, uint32_t& count,
                                   int& error) noexcept {
  const Transport::Received received = connection.transport().receive(connection.fd, into, length);
  count = received.bytes;
  error = received.error;
  if (received.outcome != Transport::Io::kDone) {
    connection.readable = false;
    if (received.outcome == Transport::Io::kWait) connection.urgent = false;
    if (received.outcome == Transport::Io::kEnded) connection.readEnded = true;
    return received.outcome;
  }
  if (received.wasShort && connection.shortReadProves()) connection.readable = false;
  connection.active = true;
  connection.endpoint->stats.bytesIn += count;
  return received.outcome;
}

Read BatchFiller::receivedNothing(Connection& connection, Transport::Io outcome, int error) noexcept {
  if (outcome == Transport::Io::kEnded) return finish(connection);
  if (outcome == Transport::Io::kFailed) return {Outcome::kFailed, CloseReason::kNone, error};
  return {Outcome::kIdle};
}

Read BatchFiller::readIntoArena(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  PartialFrame& partial = connection.partial;
  const uint32_t carried = partial.size();
  const uint32_t begin = position_;
  const uint64_t held = endpoint.heldBytes() + bytes();
  if (held >= budget_ && (frames() > 0 || !endpoint.batches.none())) return {Outcome::kNoCredit};
  const uint64_t allowance = std::max<uint64_t>(budget_ - std::min(held, budget_), kMinReadBytes);
  const auto length = static_cast<uint32_t>(std::min<uint64_t>({room() - carried, kReadBytes, allowance}));

  if (carried > 0) std::memcpy(arena_.bytes + begin, partial.bytes(), carried);
  uint32_t count = 0;
  int error = 0;
  const Transport::Io outcome = receive(connection, arena_.bytes + begin + carried, length, count, error);
  if (outcome != Transport::Io::kDone) return receivedNothing(connection, outcome, error);

  const uint32_t end = begin + carried + count;
  const ScanResult scan = endpoint.framer.scan(arena_.bytes, begin, end, begin + partial.resume,
                                               static_cast<int32_t>(connection.slot), table_);
  position_ = static_cast<uint32_t>(scan.consumed);
  const uint32_t left = end - position_;
  endpoint.partialBytes += left;
  endpoint.partialBytes -= carried;
  if (!partial.assign(arena_.bytes + position_, left)) {
    endpoint.partialBytes -= left;
    return {Outcome::kFailed, CloseReason::kNone, ENOMEM};
  }
  partial.resume = static_cast<uint32_t>(scan.resume - scan.consumed);
  partial.whole = 0;
  partial.unscanned = scan.status == ScanStatus::kTableFull;
  if (partial.unscanned) return {Outcome::kArenaFull};
  return scanned(connection, scan.status);
}

Read BatchFiller::readIntoPartial(Connection& connection) noexcept {
  PartialFrame& partial = connection.partial;
  uint8_t* into = partial.reserve(kPartialReadBytes);
  if (into == nullptr) return {Outcome::kFailed, CloseReason::kNone, ENOMEM};
  uint32_t count = 0;
  int error = 0;
  const Transport::Io outcome =
      receive(connection, into, std::min(partial.spare(), 4 * kPartialReadBytes), count, error);
  if (outcome != Transport::Io::kDone) return receivedNothing(connection, outcome, error);
  partial.extend(count);
  connection.endpoint->partialBytes += count;
  partial.unscanned = true;
  const Read probed = scanned(connection, probePartial(connection));
  if (probed.outcome == Outcome::kMalformed || partial.whole == 0) return probed;
  return deliverPartial(connection);
}

/// Looks for a first whole frame in the unfinished bytes, where they lie.
ScanStatus BatchFiller::probePartial(Connection& connection) noexcept {
  PartialFrame& partial = connection.partial;
  int32_t words[FrameTable::kWordsPerFrame];
  FrameTable one(words, 1);
  const ScanResult scan = connection.endpoint->framer.scan(partial.bytes(), 0, partial.size(), partial.resume,
                                                           static_cast<int32_t>(connection.slot), one);
  if (one.size() > 0) {
    partial.whole = static_cast<uint32_t>(scan.consumed);
    return ScanStatus::kOk;  // what lies behind it is looked at when it has been delivered
  }
  // A framing may leave something out without a frame: an empty one.
  connection.endpoint->partialBytes -= scan.consumed;
  partial.dropFront(static_cast<uint32_t>(scan.consumed));
  partial.resume = static_cast<uint32_t>(scan.resume - scan.consumed);
  partial.unscanned = false;
  return scan.status;
}

/// The frame at hand needs `bytes` of arena and they aren't left.
Read BatchFiller::lacks(uint32_t bytes) noexcept {
  if (position_ > 0 || table_.size() > 0) return {Outcome::kArenaFull};
  wanted_ = bytes;
  return {Outcome::kArenaTooSmall};
}

Read BatchFiller::deliverPartial(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  PartialFrame& partial = connection.partial;
  const uint32_t begin = position_;
  if (room() < partial.whole) return lacks(partial.whole);
  const uint32_t taken = std::min(room(), partial.size());
  const uint32_t end = begin + taken;
  std::memcpy(arena_.bytes + begin, partial.bytes(), taken);
  const ScanResult scan =
      endpoint.framer.scan(arena_.bytes, begin, end, begin + std::min(partial.resume, partial.whole - 1),
                           static_cast<int32_t>(connection.slot), table_);
  position_ = static_cast<uint32_t>(scan.consumed);
  const bool seenAll = taken == partial.size() && scan.status != ScanStatus::kTableFull;
  endpoint.partialBytes -= position_ - begin;
  partial.dropFront(position_ - begin);
  partial.resume = static_cast<uint32_t>(scan.resume - scan.consumed);
  partial.whole = 0;
  partial.unscanned = !seenAll;
  return scanned(connection, scan.status);
}

/// The peer ended its side: a last frame may come out of what is left.
Read BatchFiller::finish(Connection& connection) noexcept {
  PartialFrame& partial = connection.partial;
  // A write that had failed: what was still owed to the peer is lost.
  if (connection.systemError != 0) return {Outcome::kEnded, CloseReason::kSystem, connection.systemError};
  if (partial.empty()) return {Outcome::kEnded, CloseReason::kPeerEnded};
  const uint32_t size = partial.size();
  if (room() < size) return lacks(size);
  if (table_.full()) return {Outcome::kArenaFull};
  std::memcpy(arena_.bytes + position_, partial.bytes(), size);
  switch (connection.endpoint->framer.finish(arena_.bytes, position_, position_ + size,
                                             static_cast<int32_t>(connection.slot), table_)) {
    case FinishResult::kDelivered:
      position_ += size;
      break;
    case FinishResult::kNothing:
      break;
    case FinishResult::kTruncated:
      return {Outcome::kEnded, CloseReason::kFrameTruncated};
    case FinishResult::kTooLarge:
      return {Outcome::kEnded, CloseReason::kFrameTooLarge};
  }
  return {Outcome::kEnded, CloseReason::kPeerEnded};
}

}  // namespace sluice
