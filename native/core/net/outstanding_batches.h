// The batches of an endpoint that were handed over and are not released, by number: 1, 2, 3, …
//
// They are released in the order in which they were handed over. So one number says which are done with, and what has to
// wait for "the batch with the last frame of this connection" waits for a number.
#pragma once

#include <cassert>
#include <cstdint>

namespace sluice {

class OutstandingBatches {
 public:
  static constexpr uint32_t kMax = 8;

  bool none() const noexcept { return released_ == last_; }
  uint32_t count() const noexcept { return static_cast<uint32_t>(last_ - released_); }
  uint64_t bytes() const noexcept { return bytes_; }
  /// The number of the batch handed over last.
  uint64_t last() const noexcept { return last_; }
  bool isReleased(uint64_t number) const noexcept { return number <= released_; }

  /// Returns its number.
  uint64_t add(uint32_t bytes) noexcept {
    assert(count() < kMax);
    sizes_[++last_ % kMax] = bytes;
    bytes_ += bytes;
    return last_;
  }
  void releaseOldest() noexcept {
    assert(!none());
    bytes_ -= sizes_[++released_ % kMax];
  }
  void releaseAll() noexcept {
    released_ = last_;
    bytes_ = 0;
  }

 private:
  uint64_t last_ = 0;
  uint64_t released_ = 0;
  uint64_t bytes_ = 0;
  uint32_t sizes_[kMax] = {};
};

}  // namespace sluice
