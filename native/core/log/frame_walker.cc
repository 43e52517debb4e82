#include "log/frame_walker.h"

#include <algorithm>
#include <cstring>

namespace sluice {

using namespace log_format;

namespace {

constexpr uint64_t kAlignment = kFrameAlignment;

bool isZero(const uint8_t* bytes, size_t length) noexcept {
  return length == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, length - 1) == 0);
}

}  // namespace

FrameWalker::FrameWalker(Ref<LogFile> file, uint64_t logId, uint64_t segmentBase, Check check, uint64_t position,
                         uint64_t end) noexcept
    : file_(std::move(file)),
      logId_(logId),
      segmentBase_(segmentBase),
      check_(check),
      end_(end),
      position_(position),
      offset_(segmentBase) {}

const uint8_t* FrameWalker::at(uint64_t position, size_t length) noexcept {
  if (position + length > end_) return nullptr;
  if (position >= windowAt_ && position + length <= windowAt_ + windowBytes_) {
    return window_.get() + (position - windowAt_);
  }
  const int64_t size = file_->size();
  const uint64_t left = size > 0 && static_cast<uint64_t>(size) > position ? static_cast<uint64_t>(size) - position : 0;
  const size_t wanted = std::max<uint64_t>(length, std::min<uint64_t>(kWindowBytes, left));
  if (capacity_ < wanted) {
    window_ = std::make_unique_for_overwrite<uint8_t[]>(wanted);
    capacity_ = wanted;
  }
  windowBytes_ = 0;
  const size_t bytes = std::min<uint64_t>(wanted, end_ - position);
  const int64_t got = file_->read(position, window_.get(), bytes);
  if (got < 0) {
    error_ = static_cast<int>(got);
    return nullptr;
  }
  windowAt_ = position;
  windowBytes_ = static_cast<size_t>(got);
  return windowBytes_ >= length ? window_.get() : nullptr;
}

bool FrameWalker::isFrameAt(uint64_t position) noexcept {
  const uint8_t* bytes = at(position, kFrameHeaderBytes);
  if (bytes == nullptr) return false;
  const FramePlace place{.logId = logId_, .segmentBase = segmentBase_, .position = position};
  if (!getFrameHeader(bytes, place, header_)) return false;
  if (header_.epoch < epoch_ || header_.base < offset_) return false;
  if (check_ == Check::kHeaders) return true;
  bytes = at(position, kFrameHeaderBytes + size_t{header_.bodyBytes});
  if (bytes == nullptr || !bodyIsSound(bytes + kFrameHeaderBytes, header_)) return false;
  body_ = bytes + kFrameHeaderBytes;
  return true;
}

bool FrameWalker::isFrame() noexcept { return isFrameAt(position_); }

void FrameWalker::advance() noexcept {
  position_ += header_.bytes();
  epoch_ = header_.epoch;
  offset_ = header_.end();
}

bool FrameWalker::resync() noexcept {
  for (uint64_t position = position_ + kAlignment;;) {
    const uint8_t* bytes = at(position, kAlignment);
    if (bytes == nullptr) return false;
    // Preallocated room is zeros by the megabyte.
    const size_t left = windowBytes_ - (position - windowAt_);
    if (left >= 4096 && isZero(bytes, left)) {
      position += left / kAlignment * kAlignment;
      continue;
    }
    if (get<uint32_t>(bytes) == kFrameMagic && isFrameAt(position)) {
      position_ = position;
      return true;
    }
    position += kAlignment;
  }
}

uint64_t FrameWalker::endOfBytes() noexcept {
  uint64_t last = position_;
  for (uint64_t position = position_;;) {
    const uint8_t* bytes = at(position, 1);
    if (bytes == nullptr) return last;
    const size_t left = windowBytes_ - (position - windowAt_);
    if (!isZero(bytes, left)) {
      size_t used = left;
      while (bytes[used - 1] == 0) used--;
      last = position + used;
    }
    position += left;
  }
}

}  // namespace sluice
