#include "framing/any_of.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice {

AnyOf AnyOf::from(const FramingOptions& options, uint32_t maxFrameBytes) {
  const std::string packed = options.bytes("delimiters");
  std::vector<std::string> delimiters;
  for (size_t at = 0; at < packed.size();) {
    const size_t length = static_cast<uint8_t>(packed[at]);
    delimiters.push_back(packed.substr(at + 1, length));
    at += 1 + length;
  }
  return {std::move(delimiters), maxFrameBytes};
}

AnyOf::AnyOf(std::vector<std::string> delimiters, uint32_t maxFrameBytes)
    : delimiters_(std::move(delimiters)), max_(maxFrameBytes) {
  std::erase_if(delimiters_, [](const std::string& delimiter) { return delimiter.empty(); });
  std::ranges::sort(delimiters_, std::ranges::greater(), &std::string::size);
  for (const std::string& delimiter : delimiters_) endsOne_[static_cast<uint8_t>(delimiter.back())] = true;
  if (!delimiters_.empty()) longest_ = delimiters_.front().size();
}

/// The length of the delimiter in data[start, end) that ends at `end`; 0: none does.
size_t AnyOf::delimiterEndingAt(const uint8_t* data, size_t start, size_t end) const noexcept {
  for (const std::string& delimiter : delimiters_) {
    const size_t length = delimiter.size();
    if (length <= end - start && std::memcmp(data + end - length, delimiter.data(), length) == 0) return length;
  }
  return 0;
}

// What was scanned without a match holds no delimiter's end, so a scan resumes where the one before stopped, even inside one.
ScanResult AnyOf::scan(const uint8_t* data, size_t begin, size_t end, size_t resume, int32_t connection,
                       FrameTable& out) const noexcept {
  size_t start = begin;
  for (size_t at = resume; at < end; at++) {
    if (!endsOne_[data[at]]) continue;
    const size_t length = delimiterEndingAt(data, start, at + 1);
    if (length == 0) continue;
    const size_t stop = at + 1 - length;
    if (stop - start > max_) return {start, start, ScanStatus::kTooLarge};
    if (stop > start) {
      if (out.full()) return {start, start, ScanStatus::kTableFull};
      out.push(connection, static_cast<int32_t>(start), static_cast<int32_t>(stop));
    }
    start = at + 1;
  }
  // At best the next byte completes the longest delimiter.
  if (end - start >= size_t{max_} + longest_) return {start, start, ScanStatus::kTooLarge};
  return {start, end, ScanStatus::kOk};
}

}  // namespace sluice
