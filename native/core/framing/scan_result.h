// What a framer reports about the bytes it was shown.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

enum class ScanStatus : uint8_t {
  kOk,         // everything up to `end` was looked at
  kTableFull,  // the table had no room for the next frame; call again from `consumed` with an empty one
  kTooLarge,   // the next frame is larger than the limit; nothing after `consumed` can be framed
  kMalformed,  // the next frame's prefix makes no sense; nothing after `consumed` can be framed
};

struct ScanResult {
  size_t consumed;  // offset behind the last byte that belongs to an emitted frame or its delimiter
  size_t resume;    // offset to pass as `resume` once more bytes stand behind `end`; consumed <= resume <= end
  ScanStatus status;
};

enum class FinishResult : uint8_t {
  kNothing,    // no bytes were left
  kDelivered,  // what was left is a frame, and was appended
  kTruncated,  // what was left is the beginning of a frame
  kTooLarge,   // what was left is larger than the limit
};

}  // namespace sluice
