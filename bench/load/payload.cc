#include "payload.h"

#include <algorithm>

namespace load {
namespace {

constexpr std::size_t kBlockLines = 1024;  // 65 KiB of 64-byte lines: stays in the sender's L2 cache
constexpr char kFirstPrintable = ' ';
constexpr std::uint64_t kPrintables = 95;

// Marsaglia's xorshift64 (Journal of Statistical Software 8:14, 2003), shifts 13, 7, 17.
std::uint64_t next_random(std::uint64_t& state) noexcept {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

}  // namespace

Payload::Payload(std::size_t content, std::size_t window)
    : line_bytes_(content + 1), block_bytes_(line_bytes_ * kBlockLines), bytes_(block_bytes_ + window) {
  std::uint64_t state = 0x9E3779B97F4A7C15U;
  for (std::size_t i = 0; i < block_bytes_; ++i) {
    const bool last = i % line_bytes_ == content;
    bytes_[i] = last ? '\n' : static_cast<char>(kFirstPrintable + next_random(state) % kPrintables);
  }
  for (std::size_t i = 0; i < window; ++i) bytes_[block_bytes_ + i] = bytes_[i % block_bytes_];

  prefix_sums_.reserve(kBlockLines + 1);
  prefix_sums_.push_back(0);
  for (std::size_t line = 0; line < kBlockLines; ++line) {
    prefix_sums_.push_back(prefix_sums_.back() + static_cast<unsigned char>(bytes_[line * line_bytes_]));
  }
}

std::size_t Payload::start(std::size_t connection) const noexcept {
  constexpr std::size_t kStride = 7;  // coprime to the block: neighbours start apart
  return connection * kStride % kBlockLines * line_bytes_;
}

Tally Payload::expected(std::size_t connection, std::uint64_t frames) const noexcept {
  const std::uint64_t first = start(connection) / line_bytes_;
  const std::uint64_t last = first + frames;
  const auto sum_before = [this](std::uint64_t line) noexcept {
    return line / kBlockLines * prefix_sums_[kBlockLines] + prefix_sums_[line % kBlockLines];
  };
  return {frames, sum_before(last) - sum_before(first)};
}

}  // namespace load
