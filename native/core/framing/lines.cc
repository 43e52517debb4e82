#include "framing/lines.h"

#include "framing/byte_scan.h"

namespace sluice {

ScanResult Lines::scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                       FrameTable& out) const noexcept {
  size_t start = begin;
  size_t from = resume;
  uint32_t newlines[kScanBatch];
  while (from < end) {
    const ByteScan found = scanBytes(data, from, end, '\n', newlines);
    for (size_t i = 0; i < found.count; i++) {
      const size_t stop = trimmed(data, start, newlines[i]);
      if (stop - start > max_) return {start, start, ScanStatus::kTooLarge};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(start), static_cast<int32_t>(stop));
      start = newlines[i] + size_t{1};
    }
    from = found.scannedTo;
  }
  // The last byte may be the '\r' of a terminator whose '\n' is still to come.
  if (trimmed(data, start, end) - start > max_) return {start, start, ScanStatus::kTooLarge};
  return {start, end, ScanStatus::kOk};
}

FinishResult Lines::finish(const uint8_t* data, size_t begin, size_t end, int32_t connection,
                           FrameTable& out) const noexcept {
  if (begin == end) return FinishResult::kNothing;
  const size_t stop = trimmed(data, begin, end);
  if (stop - begin > max_) return FinishResult::kTooLarge;
  out.push(connection, static_cast<int32_t>(begin), static_cast<int32_t>(stop));
  return FinishResult::kDelivered;
}

}  // namespace sluice
