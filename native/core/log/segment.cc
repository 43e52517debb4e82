#include "log/segment.h"

#include <algorithm>
#include <memory>

#include "log/frame_walker.h"

namespace sluice {

using namespace log_format;

namespace {

// The index file: magic, number of entries, latest time, log, base of the segment, entries, checksum of all before.
constexpr size_t kIndexHeaderBytes = 40;
constexpr size_t kIndexEntryBytes = 24;
constexpr size_t kMaxIndexBytes = size_t{64} * 1024 * 1024;
constexpr const char* kIndexEnding = ".idx";

}  // namespace

void Segment::add(const FrameHeader& header, uint64_t position) noexcept {
  if (index_.empty() || position - index_.back().position >= kIndexEveryBytes) {
    index_.push_back({.offset = header.base, .position = position, .maxTimeMs = maxTimeMs_});
  }
  maxTimeMs_ = std::max(maxTimeMs_, header.maxTimeMs);
}

void Segment::note(const FrameHeader& header, uint64_t position) noexcept {
  const std::lock_guard lock(mutex_);
  complete_ = true;
  add(header, position);
}

void Segment::seal(bool save) noexcept {
  const std::lock_guard lock(mutex_);
  complete_ = true;
  if (save) this->save();
}

void Segment::forgetFrom(uint64_t position) noexcept {
  const std::lock_guard lock(mutex_);
  while (!index_.empty() && index_.back().position >= position) index_.pop_back();
}

void Segment::need() noexcept {
  if (complete_) return;
  if (!load()) rebuild();
}

void Segment::distrust() noexcept {
  const std::lock_guard lock(mutex_);
  rebuild();
}

IndexEntry Segment::before(uint64_t offset) noexcept {
  const std::lock_guard lock(mutex_);
  need();
  const auto behind = std::upper_bound(index_.begin(), index_.end(), offset,
                                       [](uint64_t wanted, const IndexEntry& entry) { return wanted < entry.offset; });
  if (behind == index_.begin()) return {.offset = base, .position = kSegmentHeaderBytes, .maxTimeMs = INT64_MIN};
  return *(behind - 1);
}

std::optional<IndexEntry> Segment::beforeTime(int64_t timeMs) noexcept {
  const std::lock_guard lock(mutex_);
  need();
  if (maxTimeMs_ < timeMs) return std::nullopt;
  // The last entry before which everything is older.
  const auto behind =
      std::lower_bound(index_.begin(), index_.end(), timeMs,
                       [](const IndexEntry& entry, int64_t wanted) { return entry.maxTimeMs < wanted; });
  if (behind == index_.begin())
    return IndexEntry{.offset = base, .position = kSegmentHeaderBytes, .maxTimeMs = INT64_MIN};
  return *(behind - 1);
}

int64_t Segment::maxTimeMs() noexcept {
  const std::lock_guard lock(mutex_);
  need();
  return maxTimeMs_;
}

bool Segment::load() noexcept {
  Ref<LogFile> file;
  if (directory_->open(segmentName(base, kIndexEnding), LogDirectory::Mode::kRead, file) < 0) return false;
  const int64_t size = file->size();
  if (size < static_cast<int64_t>(kIndexHeaderBytes + 4) || static_cast<uint64_t>(size) > kMaxIndexBytes) return false;
  const auto bytes = std::make_unique_for_overwrite<uint8_t[]>(static_cast<size_t>(size));
  if (file->read(0, bytes.get(), static_cast<size_t>(size)) != size) return false;
  const uint64_t count = get<uint64_t>(bytes.get() + 8);
  const size_t body = static_cast<size_t>(size) - 4;
  if (get<uint64_t>(bytes.get()) != kIndexMagic || count > kMaxIndexBytes / kIndexEntryBytes ||
      get<uint64_t>(bytes.get() + 24) != logId_ || get<uint64_t>(bytes.get() + 32) != base ||
      kIndexHeaderBytes + count * kIndexEntryBytes != body ||
      get<uint32_t>(bytes.get() + body) != crc32c(0, bytes.get(), body)) {
    return false;
  }
  index_.clear();
  for (uint64_t i = 0; i < count; i++) {
    const uint8_t* at = bytes.get() + kIndexHeaderBytes + i * kIndexEntryBytes;
    index_.push_back(
        {.offset = get<uint64_t>(at), .position = get<uint64_t>(at + 8), .maxTimeMs = get<int64_t>(at + 16)});
  }
  maxTimeMs_ = get<int64_t>(bytes.get() + 16);
  complete_ = true;
  return true;
}

void Segment::save() noexcept {
  const size_t body = kIndexHeaderBytes + index_.size() * kIndexEntryBytes;
  const auto bytes = std::make_unique_for_overwrite<uint8_t[]>(body + 4);
  put(bytes.get(), kIndexMagic);
  put(bytes.get() + 8, uint64_t{index_.size()});
  put(bytes.get() + 16, maxTimeMs_);
  put(bytes.get() + 24, logId_);
  put(bytes.get() + 32, base);
  for (size_t i = 0; i < index_.size(); i++) {
    uint8_t* at = bytes.get() + kIndexHeaderBytes + i * kIndexEntryBytes;
    put(at, index_[i].offset);
    put(at + 8, index_[i].position);
    put(at + 16, index_[i].maxTimeMs);
  }
  put(bytes.get() + body, crc32c(0, bytes.get(), body));
  Ref<LogFile> file;
  // A convenience: what is not written, or lost, is made again.
  if (directory_->open(segmentName(base, kIndexEnding), LogDirectory::Mode::kCreate, file) < 0) return;
  if (writeAll(*file, 0, bytes.get(), body + 4) < 0) directory_->remove(segmentName(base, kIndexEnding));
}

void Segment::rebuild() noexcept {
  index_.clear();
  maxTimeMs_ = INT64_MIN;
  Ref<LogFile> file;
  if (open(LogDirectory::Mode::kRead, file) < 0) return;
  FrameWalker walker(file, logId_, base, FrameWalker::Check::kHeaders);
  do {
    while (walker.isFrame()) {
      add(walker.header(), walker.position());
      walker.advance();
    }
  } while (walker.resync());
  complete_ = walker.error() == 0;
}

Ref<Segment> SegmentList::holding(uint64_t offset) const noexcept {
  const std::lock_guard lock(mutex_);
  if (segments_.empty()) return {};
  const auto behind =
      std::upper_bound(segments_.begin(), segments_.end(), offset,
                       [](uint64_t wanted, const Ref<Segment>& segment) { return wanted < segment->base; });
  return behind == segments_.begin() ? segments_.front() : *(behind - 1);
}

Ref<Segment> SegmentList::after(uint64_t base) const noexcept {
  const std::lock_guard lock(mutex_);
  for (const Ref<Segment>& segment : segments_) {
    if (segment->base > base) return segment;
  }
  return {};
}

}  // namespace sluice
