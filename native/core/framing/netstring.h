// Netstrings, `5:hello,`: a decimal length without leading zeros, a colon, the bytes, a comma
// (D. J. Bernstein, "Netstrings", cr.yp.to/proto/netstrings.txt).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class Netstring {
 public:
  static constexpr std::string_view kKind = "netstring";
  static Netstring from(const FramingOptions&, uint32_t maxFrameBytes) { return Netstring(maxFrameBytes); }

  /// `maxFrameBytes` bounds a frame without its length and comma.
  explicit Netstring(uint32_t maxFrameBytes) noexcept : max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    size_t start = begin;
    while (start < end) {
      uint64_t length = 0;
      size_t body = start;
      for (; body < end && data[body] >= '0' && data[body] <= '9'; body++) {
        if (body > start && length == 0) return {start, start, ScanStatus::kMalformed};  // behind a leading zero
        length = length * 10 + (data[body] - '0');
        if (length > max_) return {start, start, ScanStatus::kTooLarge};
      }
      if (body == end) return {start, start, ScanStatus::kOk};
      if (body == start || data[body++] != ':') return {start, start, ScanStatus::kMalformed};
      if (end - body <= length) return {start, start, ScanStatus::kOk};
      const size_t stop = body + static_cast<size_t>(length);
      if (data[stop] != ',') return {start, start, ScanStatus::kMalformed};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(body), static_cast<int32_t>(stop));
      start = stop + 1;
    }
    return {start, start, ScanStatus::kOk};
  }

  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  uint32_t max_;
};

}  // namespace sluice
