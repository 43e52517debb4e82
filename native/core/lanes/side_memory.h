// Where frames lie that are too long for a lane's ring: first fit in one range, neighbours joined again when freed, so that
// all of it is one piece whenever nothing is in use. Frames of that length are few.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice {

class SideMemory {
 public:
  SideMemory(uint32_t begin, uint32_t bytes) : free_{{begin, bytes / kUnit * kUnit}} {}

  /// Offset of `bytes` bytes.
  std::optional<uint32_t> allocate(uint32_t bytes) {
    const uint32_t size = roundUp(bytes);
    const auto found =
        std::find_if(free_.begin(), free_.end(), [&](const Range& range) { return range.bytes >= size; });
    if (found == free_.end()) return std::nullopt;
    const uint32_t at = found->begin;
    found->begin += size;
    found->bytes -= size;
    if (found->bytes == 0) free_.erase(found);
    return at;
  }

  /// Takes back what allocate(bytes) gave.
  void free(uint32_t at, uint32_t bytes) {
    const uint32_t size = roundUp(bytes);
    auto next = std::find_if(free_.begin(), free_.end(), [&](const Range& range) { return range.begin > at; });
    const bool joinsNext = next != free_.end() && at + size == next->begin;
    const bool joinsPrevious = next != free_.begin() && (next - 1)->begin + (next - 1)->bytes == at;
    if (joinsPrevious) {
      (next - 1)->bytes += size + (joinsNext ? next->bytes : 0);
      if (joinsNext) free_.erase(next);
    } else if (joinsNext) {
      next->begin = at;
      next->bytes += size;
    } else {
      free_.insert(next, {at, size});
    }
  }

 private:
  struct Range {
    uint32_t begin;
    uint32_t bytes;
  };

  static constexpr uint32_t kUnit = 128;
  static constexpr uint32_t roundUp(uint32_t bytes) noexcept { return (bytes + kUnit - 1) / kUnit * kUnit; }

  std::vector<Range> free_;  // in order
};

}  // namespace sluice
