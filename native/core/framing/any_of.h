// Frames that end with any of several delimiters, empty frames left out: devices that end a line with CR, LF, both, or NUL.
//
// The delimiter that ends first counts; of those that end at the same byte, the longest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class AnyOf {
 public:
  static constexpr std::string_view kKind = "anyOf";
  /// `delimiters`: each behind a byte that says its length.
  static AnyOf from(const FramingOptions& options, uint32_t maxFrameBytes);

  /// `maxFrameBytes` bounds a frame without its delimiter.
  AnyOf(std::vector<std::string> delimiters, uint32_t maxFrameBytes);

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                  FrameTable& out) const noexcept;
  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  size_t delimiterEndingAt(const uint8_t* data, size_t start, size_t end) const noexcept;

  std::vector<std::string> delimiters_;  // the longest first
  std::array<bool, 256> endsOne_{};      // by a delimiter's last byte
  size_t longest_ = 0;
  uint32_t max_;
};

}  // namespace sluice
