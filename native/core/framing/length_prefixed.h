// Frames behind an unsigned length of 1, 2 or 4 bytes, the prefix not part of the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class LengthPrefixed {
 public:
  static constexpr std::string_view kKind = "lengthPrefixed";
  static LengthPrefixed from(const FramingOptions& options, uint32_t maxFrameBytes) {
    return {static_cast<uint8_t>(options.word("bytes")), options.flag("littleEndian"), options.flag("includesLength"),
            maxFrameBytes};
  }

  /// `includesLength`: the length counts the prefix too. `maxFrameBytes` bounds a frame without its prefix.
  LengthPrefixed(uint8_t prefixBytes, bool littleEndian, bool includesLength, uint32_t maxFrameBytes) noexcept
      : prefix_(prefixBytes), littleEndian_(littleEndian), includesLength_(includesLength), max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    size_t start = begin;
    while (end - start >= prefix_) {
      uint64_t length = read(data + start);
      if (includesLength_) {
        if (length < prefix_) return {start, start, ScanStatus::kMalformed};
        length -= prefix_;
      }
      if (length > max_) return {start, start, ScanStatus::kTooLarge};
      const size_t body = start + prefix_;
      if (end - body < length) return {start, start, ScanStatus::kOk};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(body), static_cast<int32_t>(body + length));
      start = body + length;
    }
    return {start, start, ScanStatus::kOk};
  }

  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  uint64_t read(const uint8_t* at) const noexcept {
    uint64_t value = 0;
    for (uint8_t i = 0; i < prefix_; i++) value = value << 8 | at[littleEndian_ ? prefix_ - 1 - i : i];
    return value;
  }

  uint8_t prefix_;
  bool littleEndian_;
  bool includesLength_;
  uint32_t max_;
};

}  // namespace sluice
