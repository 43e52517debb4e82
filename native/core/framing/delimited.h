// Frames that end with a fixed sequence of 1 to 64 bytes, leftmost match, the sequence not part of the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class Delimited {
 public:
  static constexpr std::string_view kKind = "delimited";
  static Delimited from(const FramingOptions& options, uint32_t maxFrameBytes) {
    return {options.bytes("delimiter"), maxFrameBytes};
  }

  /// `maxFrameBytes` bounds a frame without its delimiter.
  Delimited(std::string_view delimiter, uint32_t maxFrameBytes) : delimiter_(delimiter), max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                  FrameTable& out) const noexcept;
  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  std::string delimiter_;
  uint32_t max_;
};

}  // namespace sluice
