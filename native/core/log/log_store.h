// The files of a log: opening and recovering, appending frames, syncing, rolling to the next segment, dropping old ones. No thread, no
// clock and no waiting in here: the log's thread drives it, and so do tests over a disk that loses what was not synced.
//
// What holds:
//  - A file or a name that was made is synced before a frame is written into it, so no acknowledged record hangs on one that a
//    power cut can take.
//  - After a failed write the file is cut back to the last whole frame, and the cut is synced where frames are: what was
//    refused can't come back. If that fails too, or a sync does, the store is broken: nobody knows what is on the disk, and it says
//    so to every call from then on.
//  - The new start is on the disk before a segment before it is removed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log/file_layer.h"
#include "log/log_format.h"
#include "log/segment.h"

namespace sluice {

/// Records that are not there any more: damaged, or lost.
struct LogGap {
  uint64_t offset = 0;   // of the first that is missing
  uint64_t records = 0;  // 0: not known to be any
  uint64_t bytes = 0;
  const char* reason = "";
};

enum class LogFault : uint8_t {
  kNone,
  kSystem,   // `error` says which
  kLocked,   // another writer has it
  kVersion,  // a file is of another version of the format
  kForeign,  // a segment belongs to another log
  kUnknown,  // there are segments, and nothing left that says of which log
};

struct LogOpenResult {
  LogFault fault = LogFault::kNone;
  int error = 0;  // an errno value
  std::string file;
  // What recovery found in the newest segment.
  std::vector<LogGap> gaps;
  uint64_t tornBytes = 0;
};

struct LogStoreOptions {
  uint64_t segmentBytes = 64 * 1024 * 1024;
  bool syncsCuts = true;  // false: a frame is acknowledged once it is in the page cache
};

class LogStore {
 public:
  enum class Append : uint8_t {
    kDone,
    kRefused,  // error() says why; nothing of it is left, and the next may fit
    kBroken,
  };

  /// `nowMs` and `random` go into what is made new. The directory is locked for as long as the store lives.
  LogOpenResult open(Ref<LogDirectory> directory, const LogStoreOptions& options, int64_t nowMs,
                     uint64_t random) noexcept;

  /// `frame`: room for a header, and the body. The header is filled in here; `header` says count, times and body's length. The
  /// checksums are put in here.
  Append append(uint8_t* frame, log_format::FrameHeader header, int64_t nowMs) noexcept;
  /// What was appended is on the disk. 0 or an errno value; then the store is broken.
  int sync() noexcept;

  /// Records before `before` may go, in whole segments, never the newest. Answers an errno value.
  int trim(uint64_t before) noexcept;
  /// The offset before which segments are too old or too many; start() when none is.
  uint64_t expired(uint64_t maxBytes, int64_t oldestMs) noexcept;

  /// Gives the files and the lock back. Readers go on with the files that they have open.
  void close() noexcept {
    file_ = {};
    if (directory_) directory_->close();
  }

  uint64_t start() const noexcept { return start_; }
  uint64_t end() const noexcept { return end_; }
  uint64_t logId() const noexcept { return logId_; }
  uint32_t epoch() const noexcept { return epoch_; }
  uint64_t bytes() const noexcept { return segments_.bytes(); }
  bool isBroken() const noexcept { return broken_; }
  int error() const noexcept { return error_; }
  const SegmentList& segments() const noexcept { return segments_; }

 private:
  LogOpenResult readManifest(const std::vector<std::string>& names) noexcept;
  LogOpenResult findSegments(const std::vector<std::string>& names) noexcept;
  LogOpenResult recover(int64_t nowMs) noexcept;
  int saveManifest() noexcept;
  int dropBeforeStart() noexcept;
  int makeSegment(uint64_t base, int64_t nowMs) noexcept;
  Append roll(int64_t nowMs, uint64_t frameBytes) noexcept;
  Append refuse(int error) noexcept;
  Append breaks(int error) noexcept;

  Ref<LogDirectory> directory_;
  LogStoreOptions options_;
  uint64_t logId_ = 0;
  uint32_t epoch_ = 0;
  uint64_t start_ = 0;
  uint64_t end_ = 0;

  SegmentList segments_;
  Ref<LogFile> file_;       // the newest segment's
  uint64_t position_ = 0;   // behind its last frame
  uint64_t settled_ = 0;    // behind the last frame that was acknowledged
  uint64_t allocated_ = 0;  // room that was reserved
  bool unsynced_ = false;
  bool haveManifest_ = false;
  bool broken_ = false;
  int error_ = 0;
};

}  // namespace sluice
