// The columnar table that a batch's frames are written to.
//
// A frame is three 32-bit words, `connection, start, end`: the slot of the connection it came from and the byte range
// it occupies in the batch's arena. No object is made for a frame; JavaScript reads the same words through an
// Int32Array. The table does not own its memory.
#pragma once

#include <cassert>
#include <cstdint>

namespace sluice {

class FrameTable {
 public:
  static constexpr uint32_t kWordsPerFrame = 3;

  FrameTable() noexcept = default;
  FrameTable(int32_t* words, uint32_t capacity) noexcept : words_(words), capacity_(capacity) {}

  uint32_t size() const noexcept { return size_; }
  uint32_t capacity() const noexcept { return capacity_; }
  uint32_t room() const noexcept { return capacity_ - size_; }
  bool full() const noexcept { return size_ == capacity_; }

  /// For a while: at least size(), at most what there is.
  void setCapacity(uint32_t capacity) noexcept { capacity_ = capacity; }

  void push(int32_t connection, int32_t start, int32_t end) noexcept {
    assert(size_ < capacity_);
    int32_t* frame = words_ + static_cast<uint64_t>(size_++) * kWordsPerFrame;
    frame[0] = connection;
    frame[1] = start;
    frame[2] = end;
  }

  int32_t connection(uint32_t i) const noexcept { return words_[i * kWordsPerFrame]; }
  int32_t start(uint32_t i) const noexcept { return words_[i * kWordsPerFrame + 1]; }
  int32_t end(uint32_t i) const noexcept { return words_[i * kWordsPerFrame + 2]; }

 private:
  int32_t* words_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t size_ = 0;
};

}  // namespace sluice
