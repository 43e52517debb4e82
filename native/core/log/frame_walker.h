// Goes from frame to frame of one segment, and finds the next sound one where a frame is damaged.
//
// It trusts nothing: a frame counts only with both checksums right, in its place, and in order behind those before it. It reads
// through a window of memory of its own.
#pragma once

#include <cstdint>
#include <memory>

#include "log/file_layer.h"
#include "log/log_format.h"

namespace sluice {

class FrameWalker {
 public:
  enum class Check : uint8_t { kHeaders, kBodies };

  /// From `position` on. `end`: nothing is looked at from there on.
  FrameWalker(Ref<LogFile> file, uint64_t logId, uint64_t segmentBase, Check check,
              uint64_t position = log_format::kSegmentHeaderBytes, uint64_t end = UINT64_MAX) noexcept;

  /// What comes next must not be older: an epoch or an offset before these says that the bytes are of an earlier life.
  void expect(uint32_t epoch, uint64_t offset) noexcept {
    epoch_ = epoch;
    offset_ = offset;
  }

  /// Whether a sound frame lies at position(). header() and body() are about it.
  bool isFrame() noexcept;
  /// Goes behind the frame that isFrame() found.
  void advance() noexcept;
  /// No frame is here: goes to the next sound one behind. False: there is none, and position() stays.
  bool resync() noexcept;
  /// The first position from which on everything up to the end of the file is zeros; position() when nothing else is there.
  uint64_t endOfBytes() noexcept;

  uint64_t position() const noexcept { return position_; }
  const log_format::FrameHeader& header() const noexcept { return header_; }
  /// With Check::kBodies, until the next call.
  const uint8_t* body() const noexcept { return body_; }
  uint64_t nextOffset() const noexcept { return offset_; }
  uint32_t epoch() const noexcept { return epoch_; }
  /// An errno value negated: the file could not be read, and what it says is not the whole truth.
  int error() const noexcept { return error_; }

 private:
  static constexpr size_t kWindowBytes = 1024 * 1024;

  /// Null: the file ends before `position + length`.
  const uint8_t* at(uint64_t position, size_t length) noexcept;
  bool isFrameAt(uint64_t position) noexcept;

  const Ref<LogFile> file_;
  const uint64_t logId_;
  const uint64_t segmentBase_;
  const Check check_;
  const uint64_t end_;
  uint64_t position_;
  uint32_t epoch_ = 0;
  uint64_t offset_;
  log_format::FrameHeader header_;
  const uint8_t* body_ = nullptr;
  int error_ = 0;

  std::unique_ptr<uint8_t[]> window_;
  size_t capacity_ = 0;
  uint64_t windowAt_ = 0;
  size_t windowBytes_ = 0;
};

}  // namespace sluice
