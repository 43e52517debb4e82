#include "framing/delimited.h"

#include <cstring>

#include "framing/byte_scan.h"

namespace sluice {

// Looks for the delimiter's last byte and compares what stands before it. Whatever was scanned without a match holds no
// delimiter's end, so a scan resumes exactly where the one before stopped, even inside a delimiter.
ScanResult Delimited::scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                           FrameTable& out) const noexcept {
  const size_t length = delimiter_.size();
  const size_t before = length - 1;
  const auto last = static_cast<uint8_t>(delimiter_.back());
  size_t start = begin;
  size_t from = resume;
  uint32_t ends[kScanBatch];
  while (from < end) {
    const ByteScan found = scanBytes(data, from, end, last, ends);
    for (size_t i = 0; i < found.count; i++) {
      if (ends[i] < start + before) continue;
      const size_t stop = ends[i] - before;
      if (std::memcmp(data + stop, delimiter_.data(), before) != 0) continue;
      if (stop - start > max_) return {start, start, ScanStatus::kTooLarge};
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(start), static_cast<int32_t>(stop));
      start = stop + length;
    }
    from = found.scannedTo;
  }
  // At best the next byte completes a delimiter.
  if (end - start > size_t{max_} + before) return {start, start, ScanStatus::kTooLarge};
  return {start, end, ScanStatus::kOk};
}

}  // namespace sluice
