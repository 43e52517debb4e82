#include "framing/octet_counted.h"

#include <algorithm>
#include <cstring>

namespace sluice {

namespace {

bool isDigit(uint8_t byte) noexcept { return byte >= '0' && byte <= '9'; }

/// Where a line's text ends: one '\r' before the terminator is dropped.
size_t trimmed(const uint8_t* data, size_t begin, size_t end) noexcept {
  return end - (end > begin && data[end - 1] == '\r' ? 1 : 0);
}

}  // namespace

// Every verdict follows from a prefix of the message alone, so it is the same wherever the stream was cut. Only lines use
// `resume`: a count is short, and is read again.
ScanResult OctetCounted::scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                              FrameTable& out) const noexcept {
  size_t start = begin;
  while (start < end) {
    size_t body = start;
    size_t stop = 0;
    size_t next = 0;
    if (isDigit(data[start])) {
      if (data[start] == '0') return {start, start, ScanStatus::kMalformed};
      uint64_t length = 0;
      for (; body < end && isDigit(data[body]); body++) {
        length = length * 10 + (data[body] - '0');
        if (length > max_) return {start, start, ScanStatus::kTooLarge};
      }
      if (body == end) return {start, start, ScanStatus::kOk};
      if (data[body++] != ' ') return {start, start, ScanStatus::kMalformed};
      if (end - body < length) return {start, start, ScanStatus::kOk};
      stop = next = body + static_cast<size_t>(length);
    } else {
      if (!orLines_) return {start, start, ScanStatus::kMalformed};
      const size_t from = std::max(start, resume);
      const void* newline = from == end ? nullptr : std::memchr(data + from, '\n', end - from);
      const size_t lineEnd =
          newline == nullptr ? end : static_cast<size_t>(static_cast<const uint8_t*>(newline) - data);
      stop = trimmed(data, start, lineEnd);
      if (stop - start > max_) return {start, start, ScanStatus::kTooLarge};
      if (newline == nullptr) return {start, end, ScanStatus::kOk};
      next = lineEnd + 1;
    }
    if (out.full()) return {start, start, ScanStatus::kTableFull};
    out.push(connection, static_cast<int32_t>(body), static_cast<int32_t>(stop));
    start = next;
  }
  return {start, start, ScanStatus::kOk};
}

FinishResult OctetCounted::finish(const uint8_t* data, size_t begin, size_t end, int32_t connection,
                                  FrameTable& out) const noexcept {
  if (begin == end) return FinishResult::kNothing;
  if (isDigit(data[begin])) return FinishResult::kTruncated;
  const size_t stop = trimmed(data, begin, end);
  if (stop - begin > max_) return FinishResult::kTooLarge;
  out.push(connection, static_cast<int32_t>(begin), static_cast<int32_t>(stop));
  return FinishResult::kDelivered;
}

}  // namespace sluice
