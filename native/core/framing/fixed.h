// Frames of one size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class Fixed {
 public:
  static constexpr std::string_view kKind = "fixed";
  static Fixed from(const FramingOptions& options, uint32_t) { return Fixed(options.word("size")); }

  explicit Fixed(uint32_t size) noexcept : size_(size) {}

  ScanResult scan(const uint8_t*, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    size_t start = begin;
    for (; end - start >= size_; start += size_) {
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(start), static_cast<int32_t>(start + size_));
    }
    return {start, end, ScanStatus::kOk};
  }

  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  uint32_t size_;
};

}  // namespace sluice
