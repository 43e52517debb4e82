// No framing: what a read brought is a frame, in pieces where it is longer than the limit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class Raw {
 public:
  static constexpr std::string_view kKind = "raw";
  static Raw from(const FramingOptions&, uint32_t maxFrameBytes) { return Raw(maxFrameBytes); }

  explicit Raw(uint32_t maxFrameBytes) noexcept : max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t*, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    size_t start = begin;
    while (start < end) {
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      const size_t stop = std::min(end, start + max_);
      out.push(connection, static_cast<int32_t>(start), static_cast<int32_t>(stop));
      start = stop;
    }
    return {start, end, ScanStatus::kOk};
  }

  FinishResult finish(const uint8_t*, size_t, size_t, int32_t, FrameTable&) const noexcept {
    return FinishResult::kNothing;  // scan() leaves nothing
  }

 private:
  uint32_t max_;
};

}  // namespace sluice
