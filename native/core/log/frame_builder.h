// The frame that is being gathered: room for its header, and records behind it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

#include "log/log_format.h"
#include "log/record_format.h"

namespace sluice {

class FrameBuilder {
 public:
  void clear() noexcept {
    used_ = log_format::kFrameHeaderBytes;
    header_ = {};
  }

  uint32_t count() const noexcept { return header_.count; }
  size_t bytes() const noexcept { return used_; }
  uint8_t* frame() noexcept { return memory_.get(); }
  /// Count, times and length of the body.
  log_format::FrameHeader header() const noexcept {
    log_format::FrameHeader header = header_;
    header.bodyBytes = static_cast<uint32_t>(used_ - log_format::kFrameHeaderBytes);
    return header;
  }

  /// `parts.timeMs` is the record's own. Key, headers and value lie behind one another from `bytes` on.
  void add(RecordParts parts, const uint8_t* bytes) noexcept {
    const size_t length = size_t{parts.keyBytes} + parts.headersBytes + parts.valueBytes;
    reserve(kMaxRecordHeaderBytes + length);
    const int64_t timeMs = parts.timeMs;
    if (header_.count == 0) {
      header_.baseTimeMs = timeMs;
      header_.maxTimeMs = timeMs;
    }
    header_.maxTimeMs = std::max(header_.maxTimeMs, timeMs);
    parts.timeMs = static_cast<int64_t>(static_cast<uint64_t>(timeMs) - static_cast<uint64_t>(header_.baseTimeMs));
    uint8_t* at = putRecordHeader(memory_.get() + used_, parts);
    if (length > 0) std::memcpy(at, bytes, length);
    used_ = static_cast<size_t>(at + length - memory_.get());
    header_.count++;
  }

 private:
  void reserve(size_t more) noexcept {
    if (used_ + more <= capacity_) return;
    capacity_ = std::max(2 * capacity_, used_ + more);
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(capacity_);
    if (memory_) std::memcpy(larger.get(), memory_.get(), used_);
    memory_ = std::move(larger);
  }

  std::unique_ptr<uint8_t[]> memory_;
  size_t capacity_ = 0;
  size_t used_ = log_format::kFrameHeaderBytes;
  log_format::FrameHeader header_;
};

}  // namespace sluice
