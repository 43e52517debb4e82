// A file of the log, its sparse index, and the list of all of them.
//
// The index says at which position a frame begins, for one frame in about 64 KiB, and the latest time up to there. It is a hint: whoever
// follows it checks the frame that it finds. A segment that is full gets its index written beside it; one that is missing, or does
// not fit, is made again by going through the frames' headers.
//
// The thread of the log changes the list; readers in other threads hold segments that they found in it, also after it has lost them.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "log/file_layer.h"
#include "log/log_format.h"

namespace sluice {

struct IndexEntry {
  uint64_t offset = 0;
  uint64_t position = 0;
  int64_t maxTimeMs = 0;  // of all frames before this one; INT64_MIN: there are none
};

class Segment : public RefCounted {
 public:
  Segment(Ref<LogDirectory> directory, uint64_t logId, uint64_t base) noexcept
      : base(base), directory_(std::move(directory)), logId_(logId) {}

  const uint64_t base;

  int open(LogDirectory::Mode mode, Ref<LogFile>& file) const noexcept {
    return directory_->open(log_format::segmentName(base), mode, file);
  }

  /// The writer appended a frame.
  void note(const log_format::FrameHeader& header, uint64_t position) noexcept;
  /// The index is complete; `save` writes it to its file.
  void seal(bool save) noexcept;
  /// The writer has cut everything from `position` on.
  void forgetFrom(uint64_t position) noexcept;

  /// Where to begin for the record at `offset`, or behind it when it is missing.
  IndexEntry before(uint64_t offset) noexcept;
  /// Where to begin to look for a record that is not older than `timeMs`; nothing: none is here.
  std::optional<IndexEntry> beforeTime(int64_t timeMs) noexcept;
  /// What the index says is wrong: makes it again from the frames.
  void distrust() noexcept;
  /// The latest time of a record in it; INT64_MIN: nothing is known.
  int64_t maxTimeMs() noexcept;

  /// Bytes of the file in use: nothing of interest lies behind.
  uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_acquire); }
  void setBytes(uint64_t bytes) noexcept { bytes_.store(bytes, std::memory_order_release); }

 private:
  static constexpr uint64_t kIndexEveryBytes = 64 * 1024;

  void add(const log_format::FrameHeader& header, uint64_t position) noexcept;
  void need() noexcept;
  bool load() noexcept;
  void rebuild() noexcept;
  void save() noexcept;

  const Ref<LogDirectory> directory_;
  const uint64_t logId_;
  std::atomic<uint64_t> bytes_{0};

  std::mutex mutex_;
  bool complete_ = false;  // the index covers the file, or grows with it
  std::vector<IndexEntry> index_;
  int64_t maxTimeMs_ = INT64_MIN;
};

class SegmentList {
 public:
  void add(Ref<Segment> segment) noexcept {
    const std::lock_guard lock(mutex_);
    segments_.push_back(std::move(segment));
  }
  void removeFirst() noexcept {
    const std::lock_guard lock(mutex_);
    segments_.erase(segments_.begin());
  }
  void removeLast() noexcept {
    const std::lock_guard lock(mutex_);
    segments_.pop_back();
  }
  size_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return segments_.size();
  }
  Ref<Segment> at(size_t i) const noexcept {
    const std::lock_guard lock(mutex_);
    return i < segments_.size() ? segments_[i] : Ref<Segment>();
  }
  uint64_t bytes() const noexcept {
    const std::lock_guard lock(mutex_);
    uint64_t total = 0;
    for (const Ref<Segment>& segment : segments_) total += segment->bytes();
    return total;
  }
  Ref<Segment> last() const noexcept {
    const std::lock_guard lock(mutex_);
    return segments_.empty() ? Ref<Segment>() : segments_.back();
  }
  /// The one in which `offset` lies, or the first; none when the list is empty.
  Ref<Segment> holding(uint64_t offset) const noexcept;
  /// The one behind; none: it is the last.
  Ref<Segment> after(uint64_t base) const noexcept;

 private:
  mutable std::mutex mutex_;
  std::vector<Ref<Segment>> segments_;
};

}  // namespace sluice
