#include "net/output_queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace sluice {

struct OutputQueue::Block {
  Block* next;
  size_t begin;
  size_t end;
  size_t capacity;

  uint8_t* bytes() noexcept { return reinterpret_cast<uint8_t*>(this + 1); }
};

OutputQueue::~OutputQueue() {
  while (head_ != nullptr) {
    Block* next = head_->next;
    std::free(head_);
    head_ = next;
  }
}

bool OutputQueue::append(const uint8_t* data, size_t length) noexcept {
  if (length == 0) return true;
  const size_t inTail = tail_ == nullptr ? 0 : std::min(length, tail_->capacity - tail_->end);
  Block* added = nullptr;
  if (inTail < length) {
    const size_t capacity = std::max(length - inTail, kBlockBytes);
    added = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
    if (added == nullptr) return false;
    *added = {.next = nullptr, .begin = 0, .end = length - inTail, .capacity = capacity};
    std::memcpy(added->bytes(), data + inTail, length - inTail);
  }
  if (inTail > 0) {
    std::memcpy(tail_->bytes() + tail_->end, data, inTail);
    tail_->end += inTail;
  }
  if (added != nullptr) {
    (tail_ == nullptr ? head_ : tail_->next) = added;
    tail_ = added;
  }
  size_ += length;
  return true;
}

int OutputQueue::gather(iovec* pieces, int max) const noexcept {
  int count = 0;
  for (Block* block = head_; block != nullptr && count < max; block = block->next) {
    if (block->begin == block->end) continue;
    pieces[count++] = {.iov_base = block->bytes() + block->begin, .iov_len = block->end - block->begin};
  }
  return count;
}

void OutputQueue::consume(size_t length) noexcept {
  size_ -= length;
  while (head_ != nullptr) {
    const size_t taken = std::min(length, head_->end - head_->begin);
    head_->begin += taken;
    length -= taken;
    if (head_->begin < head_->end) return;
    Block* next = head_->next;
    std::free(head_);
    head_ = next;
  }
  tail_ = nullptr;
}

}  // namespace sluice
