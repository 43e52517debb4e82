// Fills batches: reads connections straight into an arena and has their bytes cut into frames.
//
// A connection is read behind a copy of its unfinished frame, and what is unfinished after the scan is copied out again: a
// few dozen bytes as a rule. A frame too long for that (kAssembleInArena) is completed in its own buffer and copied into
// the arena once, whole, so that the work stays linear in its length.
//
// The filler changes nothing of a connection but its bytes and what is known about them. Whom to read, what to do about a
// fault or an end, and who is told, is the reactor's affair; read() says what it found.
#pragma once

#include <cstdint>

#include "framing/frame_table.h"
#include "framing/scan_result.h"
#include "net/endpoint.h"
#include "reactor/arena.h"

namespace sluice {

/// What became of one read.
struct Read {
  enum class Outcome : uint8_t {
    kIdle,           // nothing more for now
    kAgain,          // more is there
    kNoCredit,       // more is there, and the batch holds all that it may
    kArenaFull,      // more is there, and the arena is full
    kFramesUsedUp,   // more may be there, and it has brought as many frames as it may now
    kArenaTooSmall,  // the next frame alone is larger than the arena: wanted() says by how much
    kEnded,          // the peer has ended its side, and its last frame is in the arena; `reason` says how it ended
    kMalformed,      // what the peer sends can't be framed: `reason`
    kFailed,         // the connection is broken: `error`, or the transport's own words
  };
  Outcome outcome;
  CloseReason reason = CloseReason::kNone;
  int32_t error = 0;

  bool stopsTheBatch() const noexcept {
    return outcome == Outcome::kNoCredit || outcome == Outcome::kArenaFull || outcome == Outcome::kArenaTooSmall;
  }
};

class BatchFiller {
 public:
  /// The most that one read brings. Each read wakes a sender that waits for room, so it pays to read much.
  static constexpr uint32_t kReadBytes = 256 * 1024;

  /// What is filled from here on.
  void begin(const Arena& arena) noexcept;
  /// Frames go to a new batch. Its endpoint may hold `budget` bytes, this batch included.
  void beginBatch(uint64_t budget) noexcept;

  // Of the batch.
  uint32_t firstFrame() const noexcept { return batchFirstFrame_; }
  uint32_t frames() const noexcept { return table_.size() - batchFirstFrame_; }
  uint32_t bytes() const noexcept { return position_ - batchFirstByte_; }
  // Of the arena.
  uint32_t allFrames() const noexcept { return table_.size(); }
  uint32_t room() const noexcept { return arena_.size - position_; }
  /// After kArenaTooSmall: the size that the next frame needs. Else 0.
  uint32_t wanted() const noexcept { return wanted_; }

  /// Cuts `most` frames at the most.
  Read read(Connection& connection, uint32_t most = UINT32_MAX) noexcept;

 private:
  using Outcome = Read::Outcome;

  static constexpr uint32_t kPartialReadBytes = 64 * 1024;  // of one recv into an unfinished frame
  static constexpr uint32_t kMinReadBytes = 4 * 1024;       // less room than that ends the turn
  static constexpr uint32_t kAssembleInArena = 8 * 1024;    // larger unfinished frames are completed where they lie

  Read readSome(Connection& connection) noexcept;
  static Read goOn(const Connection& connection) noexcept;
  static Read scanned(const Connection& connection, ScanStatus status) noexcept;
  Transport::Io receive(Connection& connection, uint8_t* into, uint32_t length, uint32_t& count, int& error) noexcept;
  Read receivedNothing(Connection& connection, Transport::Io outcome, int error) noexcept;
  Read readIntoArena(Connection& connection) noexcept;
  Read readIntoPartial(Connection& connection) noexcept;
  Read deliverPartial(Connection& connection) noexcept;
  static ScanStatus probePartial(Connection& connection) noexcept;
  Read finish(Connection& connection) noexcept;
  Read lacks(uint32_t bytes) noexcept;

  Arena arena_;
  FrameTable table_;
  uint32_t position_ = 0;  // where the next bytes go
  uint32_t batchFirstFrame_ = 0;
  uint32_t batchFirstByte_ = 0;
  uint32_t wanted_ = 0;
  uint64_t budget_ = 0;
};

}  // namespace sluice
