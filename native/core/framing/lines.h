// Lines that end with '\n', one '\r' before it dropped on request. What is left at the end of the stream is a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class Lines {
 public:
  static constexpr std::string_view kKind = "lines";
  static Lines from(const FramingOptions& options, uint32_t maxFrameBytes) {
    return {options.flag("trimCR"), maxFrameBytes};
  }

  /// `maxFrameBytes` bounds a line without its terminator.
  Lines(bool trimCR, uint32_t maxFrameBytes) noexcept : trimCR_(trimCR), max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                  FrameTable& out) const noexcept;
  FinishResult finish(const uint8_t* data, size_t begin, size_t end, int32_t connection,
                      FrameTable& out) const noexcept;

 private:
  size_t trimmed(const uint8_t* data, size_t begin, size_t end) const noexcept {
    return end - (trimCR_ && end > begin && data[end - 1] == '\r' ? 1 : 0);
  }

  bool trimCR_;
  uint32_t max_;
};

}  // namespace sluice
