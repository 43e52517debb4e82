// The bytes every peer receives, and what a correct server must have counted.
//
// A line is `content` printable bytes and one '\n', so 64-byte lines travel as 65 bytes. The stream of a
// connection is a fixed block of lines repeated; connection c starts at another line of the block, so that a
// server which mixes up connections cannot get the sum right by luck. The generator is seeded with a
// constant: two runs, and two peers, see the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace load {

struct Tally {
  std::uint64_t frames = 0;
  std::uint64_t sum = 0;  // of the first byte of each frame

  Tally& operator+=(const Tally& other) noexcept {
    frames += other.frames;
    sum += other.sum;
    return *this;
  }
};

class Payload {
 public:
  // `window` is the largest number of bytes that one write takes: the block is followed by a copy of its own
  // beginning, so that any write is one contiguous range.
  Payload(std::size_t content, std::size_t window);

  std::size_t line_bytes() const noexcept { return line_bytes_; }
  // Where the stream of `connection` starts, in bytes from the start of the block.
  std::size_t start(std::size_t connection) const noexcept;
  // The bytes at stream position `position`; at least `window` of them may be read.
  const char* at(std::uint64_t position) const noexcept { return bytes_.data() + position % block_bytes_; }
  // What a server has counted once it took `frames` lines of `connection`.
  Tally expected(std::size_t connection, std::uint64_t frames) const noexcept;

 private:
  std::size_t line_bytes_;
  std::size_t block_bytes_;
  std::vector<char> bytes_;
  std::vector<std::uint64_t> prefix_sums_;  // prefix_sums_[i]: first bytes of the block's first i lines
};

}  // namespace load
