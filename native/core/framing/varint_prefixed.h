// Frames behind an unsigned LEB128 length, as delimited streams of Protocol Buffers have them
// (protobuf.dev, "Encoding: Base 128 Varints"). At most ten bytes, 64 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class VarintPrefixed {
 public:
  static constexpr std::string_view kKind = "varintPrefixed";
  static VarintPrefixed from(const FramingOptions&, uint32_t maxFrameBytes) { return VarintPrefixed(maxFrameBytes); }

  /// `maxFrameBytes` bounds a frame without its prefix.
  explicit VarintPrefixed(uint32_t maxFrameBytes) noexcept : max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    size_t start = begin;
    for (;;) {
      uint64_t length = 0;
      size_t body = start;
      for (unsigned shift = 0;; shift += 7) {
        if (body == end) return {start, start, ScanStatus::kOk};
        const uint8_t byte = data[body++];
        if (shift == 63 && byte > 1) return {start, start, ScanStatus::kMalformed};  // beyond 64 bits
        length |= uint64_t{byte & 0x7fu} << shift;
        if (byte < 0x80) break;
      }
      if (length > max_) return {start, start, ScanStatus::kTooLarge};
      if (end - body < length) return {start, start, ScanStatus::kOk};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(body), static_cast<int32_t>(body + length));
      start = body + length;
    }
  }

  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  uint32_t max_;
};

}  // namespace sluice
