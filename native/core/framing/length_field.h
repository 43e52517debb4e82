// Frames with a length somewhere in a header of their own, as Modbus TCP, MySQL or a GPS tracker's packets have it. The names of
// the options are those of Netty's LengthFieldBasedFrameDecoder.
//
// A frame is `offset` + `bytes` + length + `adjust` bytes long. Its first `strip` bytes are not delivered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framing/frame_table.h"
#include "framing/framing_options.h"
#include "framing/scan_result.h"

namespace sluice {

class LengthField {
 public:
  struct Layout {
    uint32_t offset;  // of the length, from the frame's beginning
    uint8_t bytes;    // of the length, 1 to 8
    bool littleEndian;
    int32_t adjust;
    uint32_t strip;
  };

  static constexpr std::string_view kKind = "lengthField";
  static LengthField from(const FramingOptions& options, uint32_t maxFrameBytes) {
    return {{.offset = options.word("offset"),
             .bytes = static_cast<uint8_t>(options.word("bytes")),
             .littleEndian = options.flag("littleEndian"),
             .adjust = static_cast<int32_t>(options.number("adjust")),
             .strip = options.word("strip")},
            maxFrameBytes};
  }

  /// `maxFrameBytes` bounds a whole frame, with what is stripped.
  LengthField(const Layout& layout, uint32_t maxFrameBytes) noexcept : layout_(layout), max_(maxFrameBytes) {}

  ScanResult scan(const uint8_t* data, size_t begin, size_t end, size_t, int32_t connection,
                  FrameTable& out) const noexcept {
    const size_t head = size_t{layout_.offset} + layout_.bytes;
    size_t start = begin;
    while (end - start >= head) {
      const uint64_t length = read(data + start + layout_.offset);
      // Beyond that no adjustment brings it back below the limit, and up to it the sum can't overflow.
      if (length > kMostLength) return {start, start, ScanStatus::kTooLarge};
      const int64_t total = static_cast<int64_t>(head + length) + layout_.adjust;
      if (total < static_cast<int64_t>(head) || total < int64_t{layout_.strip}) {
        return {start, start, ScanStatus::kMalformed};
      }
      if (total > int64_t{max_}) return {start, start, ScanStatus::kTooLarge};
      if (end - start < static_cast<size_t>(total)) return {start, start, ScanStatus::kOk};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      const size_t stop = start + static_cast<size_t>(total);
      out.push(connection, static_cast<int32_t>(start + layout_.strip), static_cast<int32_t>(stop));
      start = stop;
    }
    return {start, start, ScanStatus::kOk};
  }

  FinishResult finish(const uint8_t*, size_t begin, size_t end, int32_t, FrameTable&) const noexcept {
    return begin == end ? FinishResult::kNothing : FinishResult::kTruncated;
  }

 private:
  static constexpr uint64_t kMostLength = uint64_t{1} << 40;  // more than a 32-bit limit and a 32-bit adjustment

  uint64_t read(const uint8_t* at) const noexcept {
    uint64_t value = 0;
    for (uint8_t i = 0; i < layout_.bytes; i++) {
      value = value << 8 | at[layout_.littleEndian ? layout_.bytes - 1 - i : i];
    }
    return value;
  }

  Layout layout_;
  uint32_t max_;
};

}  // namespace sluice
