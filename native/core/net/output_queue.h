// What a connection could not send yet: a FIFO of bytes in blocks, so that a long queue never moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/uio.h>

namespace sluice {

class OutputQueue {
 public:
  static constexpr size_t kBlockBytes = 16 * 1024;

  OutputQueue() noexcept = default;
  ~OutputQueue();
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Copies. False when memory ran out; then nothing was added.
  bool append(const uint8_t* data, size_t length) noexcept;
  /// Describes the front of the queue in at most `max` pieces and returns how many it used.
  int gather(iovec* pieces, int max) const noexcept;
  void consume(size_t length) noexcept;

  uint64_t progressAtMs = 0;  // when the peer last took something, for the stall limit; 0: since the next tick

 private:
  struct Block;
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sluice
