// Reads a log from some offset on, frame by frame, into memory of the caller's, whole frames at a time: their checksums are made
// over what is handed out.
//
// One thread uses it at a time. It shares with the log's thread the list of segments and two numbers: nothing before `start` is
// promised to be there, nothing at `end` or behind may be shown yet.
#pragma once

#include <cstdint>

#include "log/file_layer.h"
#include "log/log_store.h"
#include "log/segment.h"

namespace sluice {

/// Where records and frames of a batch are noted. A record is three integers: where it begins in the arena, and where its value begins and
/// ends. A frame is two: the number of its first record in the batch, and where its header lies in the arena.
struct LogBatchTable {
  static constexpr uint32_t kRecordWords = 3;
  static constexpr uint32_t kFrameWords = 2;
  uint8_t* arena = nullptr;
  uint32_t arenaBytes = 0;
  int32_t* records = nullptr;
  uint32_t recordCapacity = 0;
  int32_t* frames = nullptr;
  uint32_t frameCapacity = 0;
};

struct LogBatchInfo {
  uint64_t first = 0;  // offset of the first record; the others follow without a hole
  uint32_t records = 0;
  uint32_t frames = 0;
  uint32_t wanted = 0;  // nothing was read: the next frame needs so large an arena
  LogGap gap;           // what is missing right before `first`, where `gap.reason` says so
  int error = 0;        // an errno value: the file could not be read
};

class LogReader {
 public:
  LogReader(const SegmentList& segments, uint64_t logId, uint64_t from) noexcept
      : segments_(segments), logId_(logId), next_(from) {}

  /// Gives the file back.
  void close() noexcept {
    segment_ = {};
    file_ = {};
  }

  /// Offset of the record that comes next, if it is there.
  uint64_t next() const noexcept { return next_; }

  /// The records from next() on, as many as fit and lie before `end`. None and no gap: the reader has come to `end`.
  LogBatchInfo read(const LogBatchTable& table, uint64_t start, uint64_t end) noexcept;

 private:
  void enter(const Ref<Segment>& segment, LogBatchInfo& info) noexcept;
  void skip(uint64_t until, uint64_t bytes, const char* reason, LogBatchInfo& info) noexcept;
  /// Adds frames that lie in the arena, up to its end or to one that is none. False: the batch ends here.
  bool take(const LogBatchTable& table, uint32_t bytes, uint64_t end, LogBatchInfo& info) noexcept;
  bool takeRecords(const LogBatchTable& table, const log_format::FrameHeader& header, uint32_t at,
                   LogBatchInfo& info) noexcept;
  /// No sound frame is at position_, though `end` says that records follow.
  void passHole(uint64_t end, LogBatchInfo& info) noexcept;

  const SegmentList& segments_;
  const uint64_t logId_;
  uint64_t next_;
  Ref<Segment> segment_;  // none before the first read
  Ref<LogFile> file_;
  uint64_t position_ = 0;
  uint32_t epoch_ = 0;
  uint64_t indexed_ = 0;       // the first record of that frame, as the index has it
  bool followsIndex_ = false;  // position_ is what the index said, and no frame was found by it yet
};

/// The offset of the first record that is not older than `timeMs`; `end` when there is none before it.
uint64_t findTime(const SegmentList& segments, uint64_t logId, int64_t timeMs, uint64_t start, uint64_t end) noexcept;

}  // namespace sluice
