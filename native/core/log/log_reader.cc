#include "log/log_reader.h"

#include <algorithm>
#include <cerrno>

#include "log/frame_walker.h"
#include "log/record_format.h"

namespace sluice {

using namespace log_format;

LogBatchInfo LogReader::read(const LogBatchTable& table, uint64_t start, uint64_t end) noexcept {
  LogBatchInfo info;
  if (next_ < start) {
    skip(start, 0, "trimmed", info);
    segment_ = {};
  }
  info.first = next_;
  // Each round reads records, passes a hole, changes the segment or ends; a hole ends the batch where it has records.
  while (next_ < end && info.error == 0) {
    if (!segment_) {
      const Ref<Segment> segment = segments_.holding(next_);
      if (!segment) break;
      enter(segment, info);
      continue;
    }
    // The newest segment has zeros behind what was written.
    const uint64_t used = segment_->bytes();
    const uint64_t wanted = std::min<uint64_t>(table.arenaBytes, used > position_ ? used - position_ : 0);
    const int64_t got = file_->read(position_, table.arena, wanted);
    if (got < 0) {
      info.error = static_cast<int>(-got);
      break;
    }
    const uint64_t before = position_;
    const uint32_t hadRecords = info.records;
    if (!take(table, static_cast<uint32_t>(got), end, info)) break;
    if (info.records != hadRecords) break;
    if (position_ != before) continue;  // only frames before next_, or a frame behind a gap: once more from here
    passHole(end, info);
  }
  return info;
}

void LogReader::enter(const Ref<Segment>& segment, LogBatchInfo& info) noexcept {
  if (const int error = segment->open(LogDirectory::Mode::kRead, file_); error < 0) {
    // It may have been trimmed meanwhile; then the list has lost it too.
    const Ref<Segment> now = segments_.holding(next_);
    if (error != -ENOENT || (now && now->base == segment->base)) info.error = -error;
    segment_ = {};
    return;
  }
  segment_ = segment;
  const IndexEntry entry = segment->before(next_);
  position_ = entry.position;
  epoch_ = 0;
  indexed_ = entry.offset;
  followsIndex_ = position_ != kSegmentHeaderBytes;
}

bool LogReader::take(const LogBatchTable& table, uint32_t bytes, uint64_t end, LogBatchInfo& info) noexcept {
  uint32_t at = 0;
  while (next_ < end && at + kFrameHeaderBytes <= bytes) {
    FrameHeader header;
    const FramePlace place{.logId = logId_, .segmentBase = segment_->base, .position = position_};
    if (!getFrameHeader(table.arena + at, place, header) || header.epoch < epoch_ || header.base >= end) return true;
    if (followsIndex_ && header.base != indexed_) return true;
    followsIndex_ = false;
    if (header.end() > next_) {
      const uint64_t whole = uint64_t{kFrameHeaderBytes} + header.bodyBytes;
      if (at + whole > bytes) {
        if (at > 0) return info.records == 0;        // read again from this frame on
        if (whole <= table.arenaBytes) return true;  // the file ends in the middle of it
        info.wanted = static_cast<uint32_t>(whole);
        return false;
      }
      if (!bodyIsSound(table.arena + at + kFrameHeaderBytes, header)) return true;
      if (header.base > next_) {
        // Frames are missing between two that are sound.
        if (info.records > 0) return false;
        skip(header.base, 0, "lost", info);
      }
      if (!takeRecords(table, header, at, info)) return false;
    }
    epoch_ = header.epoch;
    position_ += header.bytes();
    at += static_cast<uint32_t>(header.bytes());
  }
  return true;
}

/// False: the table is full, and the frame is not at its end; or what the checksum vouches for is no list of records.
bool LogReader::takeRecords(const LogBatchTable& table, const FrameHeader& header, uint32_t at,
                            LogBatchInfo& info) noexcept {
  if (info.frames == table.frameCapacity) return false;
  const uint8_t* cursor = table.arena + at + kFrameHeaderBytes;
  const uint8_t* const end = cursor + header.bodyBytes;
  int32_t* frame = table.frames + size_t{info.frames} * LogBatchTable::kFrameWords;
  frame[0] = static_cast<int32_t>(info.records);
  frame[1] = static_cast<int32_t>(at);
  info.frames++;
  for (uint64_t offset = header.base; offset < header.end(); offset++) {
    RecordParts parts;
    const uint8_t* from = getRecord(cursor, end, parts);
    if (from == nullptr) {
      info.error = EBADMSG;
      return false;
    }
    const uint8_t* value = from + parts.keyBytes + parts.headersBytes;
    if (offset >= next_) {
      if (info.records == table.recordCapacity) return false;
      int32_t* record = table.records + size_t{info.records} * LogBatchTable::kRecordWords;
      record[0] = static_cast<int32_t>(cursor - table.arena);
      record[1] = static_cast<int32_t>(value - table.arena);
      record[2] = static_cast<int32_t>(value - table.arena + parts.valueBytes);
      info.records++;
      next_ = offset + 1;
    }
    cursor = value + parts.valueBytes;
  }
  return true;
}

void LogReader::passHole(uint64_t end, LogBatchInfo& info) noexcept {
  if (followsIndex_) {
    // The index does not fit the file: it is made again, and followed once more from the beginning.
    segment_->distrust();
    const IndexEntry entry = segment_->before(next_);
    position_ = entry.position;
    followsIndex_ = false;
    return;
  }
  const Ref<Segment> following = segments_.after(segment_->base);
  if (following && following->base <= next_) {
    enter(following, info);
    return;
  }
  FrameWalker walker(file_, logId_, segment_->base, FrameWalker::Check::kBodies, position_);
  walker.expect(epoch_, next_);
  const bool found = walker.isFrame() || walker.resync();
  if (walker.error() < 0) {
    info.error = -walker.error();
    return;
  }
  // The writer may have gone on since `end` was read; what counts is what was promised then.
  uint64_t until = found ? walker.header().base : following ? following->base : end;
  skip(std::min(until, end), found ? walker.position() - position_ : 0, "damaged", info);
  if (found) {
    position_ = walker.position();
  } else if (following) {
    enter(following, info);
  }
}

/// Records up to `until` are missing. A gap right behind another is one with it.
void LogReader::skip(uint64_t until, uint64_t bytes, const char* reason, LogBatchInfo& info) noexcept {
  if (until <= next_) return;
  if (info.gap.records == 0) info.gap = {.offset = next_, .records = 0, .bytes = 0, .reason = reason};
  info.gap.records += until - next_;
  info.gap.bytes += bytes;
  next_ = until;
  info.first = next_;
}

namespace {

/// Both are whatever stands in the file: a sum that wraps is as good as any.
int64_t timeOf(const FrameHeader& header, const RecordParts& parts) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(header.baseTimeMs) + static_cast<uint64_t>(parts.timeMs));
}

}  // namespace

uint64_t findTime(const SegmentList& segments, uint64_t logId, int64_t timeMs, uint64_t start, uint64_t end) noexcept {
  for (Ref<Segment> segment = segments.holding(start); segment; segment = segments.after(segment->base)) {
    std::optional<IndexEntry> entry = segment->beforeTime(timeMs);
    Ref<LogFile> file;
    if (!entry || segment->open(LogDirectory::Mode::kRead, file) < 0) continue;
    FrameWalker hit(file, logId, segment->base, FrameWalker::Check::kHeaders, entry->position);
    if (!hit.isFrame() || hit.header().base != entry->offset) {
      segment->distrust();
      entry = segment->beforeTime(timeMs);
      if (!entry) continue;
    }
    FrameWalker walker(file, logId, segment->base, FrameWalker::Check::kBodies, entry->position);
    while (walker.isFrame() || walker.resync()) {
      const FrameHeader& header = walker.header();
      if (header.base >= end) return end;
      if (header.maxTimeMs >= timeMs && header.end() > start) {
        const uint8_t* cursor = walker.body();
        const uint8_t* const bodyEnd = cursor + header.bodyBytes;
        for (uint64_t offset = header.base; offset < header.end(); offset++) {
          RecordParts parts;
          cursor = getRecord(cursor, bodyEnd, parts);
          if (cursor == nullptr) break;
          if (offset >= start && timeOf(header, parts) >= timeMs) return std::min(offset, end);
          cursor += uint64_t{parts.keyBytes} + parts.headersBytes + parts.valueBytes;
        }
      }
      walker.advance();
    }
  }
  return end;
}

}  // namespace sluice
