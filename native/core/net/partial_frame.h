// The bytes of a connection that were read and belong to no delivered frame yet.
//
// Usually that is the beginning of one frame, and it lives here only between two reads: an idle connection holds no
// memory. Three numbers say what is known about the bytes, so that nothing is scanned twice:
//   resume    bytes that a framer has looked at without finding the end of a frame
//   whole     bytes that hold at least one whole frame (0: none is known)
//   unscanned whether bytes lie behind `resume` that no framer has seen
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sluice {

class PartialFrame {
 public:
  PartialFrame() noexcept = default;
  ~PartialFrame() { std::free(data_); }
  PartialFrame(const PartialFrame&) = delete;
  PartialFrame& operator=(const PartialFrame&) = delete;

  uint8_t* bytes() noexcept { return data_ + begin_; }
  uint32_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Replaces the content. False when memory ran out.
  bool assign(const uint8_t* data, uint32_t length) noexcept {
    if (length == 0) {
      clear();
      return true;
    }
    if (capacity_ < length || capacity_ > 8 * length + kKeepBytes) {
      std::free(data_);
      data_ = static_cast<uint8_t*>(std::malloc(length));
      capacity_ = data_ == nullptr ? 0 : length;
    }
    begin_ = 0;
    size_ = data_ == nullptr ? 0 : length;
    if (data_ == nullptr) return false;
    std::memcpy(data_, data, length);
    return true;
  }

  /// Room for `extra` bytes behind the content, growing by doubling; null when memory ran
  /// out. What a peer merely announces is never allocated.
  uint8_t* reserve(uint32_t extra) noexcept {
    if (begin_ > 0) {
      std::memmove(data_, data_ + begin_, size_);
      begin_ = 0;
    }
    if (capacity_ - size_ < extra) {
      const uint64_t grown = std::max<uint64_t>(uint64_t{size_} + extra, uint64_t{capacity_} * 2);
      auto* moved = static_cast<uint8_t*>(std::realloc(data_, grown));
      if (moved == nullptr) return nullptr;
      data_ = moved;
      capacity_ = static_cast<uint32_t>(grown);
    }
    return data_ + size_;
  }
  uint32_t spare() const noexcept { return capacity_ - begin_ - size_; }
  void extend(uint32_t length) noexcept { size_ += length; }

  void dropFront(uint32_t length) noexcept {
    begin_ += length;
    size_ -= length;
    if (size_ == 0) clear();
  }

  void clear() noexcept {
    if (data_ != nullptr) std::free(data_);  // most frames leave nothing behind
    data_ = nullptr;
    begin_ = size_ = capacity_ = 0;
    resume = whole = 0;
    unscanned = false;
  }

  uint32_t resume = 0;
  uint32_t whole = 0;
  bool unscanned = false;

 private:
  static constexpr uint32_t kKeepBytes = 256;

  uint8_t* data_ = nullptr;
  uint32_t begin_ = 0;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace sluice
