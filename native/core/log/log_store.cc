#include "log/log_store.h"

#include <algorithm>
#include <cerrno>

#include "log/frame_walker.h"

namespace sluice {

using namespace log_format;

namespace {

LogOpenResult systemFault(int negatedError, std::string file) {
  return {.fault = LogFault::kSystem, .error = -negatedError, .file = std::move(file), .gaps = {}, .tornBytes = 0};
}

LogOpenResult faultIn(LogFault fault, std::string file) {
  return {.fault = fault, .error = 0, .file = std::move(file), .gaps = {}, .tornBytes = 0};
}

/// Of these a log recovers by itself when there is room again.
bool isWantOfRoom(int error) noexcept { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

LogOpenResult LogStore::open(Ref<LogDirectory> directory, const LogStoreOptions& options, int64_t nowMs,
                             uint64_t random) noexcept {
  directory_ = std::move(directory);
  options_ = options;
  if (const int error = directory_->lock(); error < 0) {
    return error == -EWOULDBLOCK ? faultIn(LogFault::kLocked, "lock") : systemFault(error, "lock");
  }
  std::vector<std::string> names;
  if (const int error = directory_->list(names); error < 0) return systemFault(error, "");
  LogOpenResult found = readManifest(names);
  if (found.fault != LogFault::kNone) return found;
  found = findSegments(names);
  if (found.fault != LogFault::kNone) return found;
  if (!haveManifest_) {
    if (logId_ == 0) logId_ = random | 1;
    if (segments_.size() > 0) start_ = segments_.at(0)->base;
    if (const int error = saveManifest(); error < 0) return systemFault(error, kManifestName);
  }
  if (const int error = dropBeforeStart(); error < 0) return systemFault(error, "");
  return recover(nowMs);
}

/// Without one, or with one that is damaged, the segments say all there is to know.
LogOpenResult LogStore::readManifest(const std::vector<std::string>& names) noexcept {
  if (std::find(names.begin(), names.end(), kManifestName) == names.end()) return {};
  Ref<LogFile> file;
  if (const int error = directory_->open(kManifestName, LogDirectory::Mode::kRead, file); error < 0) {
    return systemFault(error, kManifestName);
  }
  uint8_t bytes[kManifestBytes] = {};
  if (const int64_t got = file->read(0, bytes, sizeof bytes); got < 0) {
    return systemFault(static_cast<int>(got), kManifestName);
  }
  Manifest manifest;
  switch (getManifest(bytes, manifest)) {
    case HeaderState::kOtherVersion:
      return faultIn(LogFault::kVersion, kManifestName);
    case HeaderState::kDamaged:
      return {};
    case HeaderState::kSound:
      haveManifest_ = true;
      logId_ = manifest.logId;
      start_ = manifest.start;
      return {};
  }
  return {};
}

LogOpenResult LogStore::findSegments(const std::vector<std::string>& names) noexcept {
  std::vector<uint64_t> bases;
  for (const std::string& name : names) {
    uint64_t base = 0;
    if (parseSegmentName(name, base)) bases.push_back(base);
  }
  std::sort(bases.begin(), bases.end());
  bool hasFrames = false;
  std::vector<int64_t> sizes;
  for (const uint64_t base : bases) {
    const std::string name = segmentName(base);
    Ref<LogFile> file;
    if (const int error = directory_->open(name, LogDirectory::Mode::kRead, file); error < 0) {
      return systemFault(error, name);
    }
    uint8_t bytes[kSegmentHeaderBytes + 4] = {};
    const int64_t got = file->read(0, bytes, sizeof bytes);
    if (got < 0) return systemFault(static_cast<int>(got), name);
    SegmentHeader header;
    switch (getSegmentHeader(bytes, header)) {
      case HeaderState::kOtherVersion:
        return faultIn(LogFault::kVersion, name);
      case HeaderState::kSound:
        if (logId_ == 0) logId_ = header.logId;
        if (header.logId != logId_ || header.base != base) return faultIn(LogFault::kForeign, name);
        epoch_ = std::max(epoch_, header.epoch);
        break;
      case HeaderState::kDamaged:
        // The name and the manifest say the same as the header did; frames are checked by themselves.
        if (get<uint32_t>(bytes + kSegmentHeaderBytes) == kFrameMagic) hasFrames = true;
        break;
    }
    sizes.push_back(file->size());
  }
  if (logId_ == 0 && hasFrames) return faultIn(LogFault::kUnknown, segmentName(bases.front()));
  for (size_t i = 0; i < bases.size(); i++) {
    auto segment = Ref<Segment>::make(directory_, logId_, bases[i]);
    segment->setBytes(sizes[i] > 0 ? static_cast<uint64_t>(sizes[i]) : 0);
    segments_.add(std::move(segment));
  }
  return {};
}

LogOpenResult LogStore::recover(int64_t nowMs) noexcept {
  if (segments_.size() == 0) {
    epoch_++;
    end_ = start_;
    if (const int error = makeSegment(end_, nowMs); error < 0) return systemFault(error, segmentName(end_));
    return {};
  }
  LogOpenResult result;
  const Ref<Segment> newest = segments_.last();
  const std::string name = segmentName(newest->base);
  if (const int error = newest->open(LogDirectory::Mode::kWrite, file_); error < 0) return systemFault(error, name);
  const int64_t size = file_->size();
  if (size < 0) return systemFault(static_cast<int>(size), name);

  FrameWalker walker(file_, logId_, newest->base, FrameWalker::Check::kBodies);
  for (;;) {
    const uint64_t expected = walker.nextOffset();
    const uint64_t from = walker.position();
    if (!walker.isFrame() && !walker.resync()) break;
    const FrameHeader& header = walker.header();
    if (walker.position() != from || header.base != expected) {
      result.gaps.push_back({.offset = expected,
                             .records = header.base - expected,
                             .bytes = walker.position() - from,
                             .reason = "damaged"});
    }
    newest->note(header, walker.position());
    walker.advance();
  }
  if (walker.error() < 0) return systemFault(walker.error(), name);
  newest->seal(false);
  epoch_ = std::max(epoch_, walker.epoch());
  end_ = std::max(walker.nextOffset(), start_);
  position_ = walker.position();
  const uint64_t endOfBytes = walker.endOfBytes();
  if (walker.error() < 0) return systemFault(walker.error(), name);

  // What lies behind the last sound frame was never acknowledged. It goes, on the disk too, before anything is appended.
  if (endOfBytes > position_) {
    result.tornBytes = endOfBytes - position_;
    if (const int error = file_->truncate(position_); error < 0) return systemFault(error, name);
  }
  SegmentHeader header;
  uint8_t bytes[kSegmentHeaderBytes] = {};
  const int64_t got = file_->read(0, bytes, sizeof bytes);
  if (got < 0) return systemFault(static_cast<int>(got), name);
  if (getSegmentHeader(bytes, header) != HeaderState::kSound) {
    // Half made when the process or the machine went, or damaged since.
    putSegmentHeader(bytes, {.epoch = epoch_ + 1, .logId = logId_, .base = newest->base, .createdMs = nowMs});
    if (const int error = writeAll(*file_, 0, bytes, sizeof bytes); error < 0) return systemFault(error, name);
  }
  allocated_ = result.tornBytes > 0 ? position_ : static_cast<uint64_t>(size);
  // A process that was killed may have left frames in the page cache alone; and a name that was never synced.
  if (const int error = file_->sync(); error < 0) return systemFault(error, name);
  if (const int error = directory_->sync(); error < 0) return systemFault(error, "");
  settled_ = position_;
  newest->setBytes(position_);
  epoch_++;
  return result;
}

int LogStore::saveManifest() noexcept {
  uint8_t bytes[kManifestBytes];
  putManifest(bytes, {.logId = logId_, .start = start_});
  Ref<LogFile> file;
  int error = directory_->open(kNewManifestName, LogDirectory::Mode::kCreate, file);
  if (error == 0) error = writeAll(*file, 0, bytes, sizeof bytes);
  if (error == 0) error = file->sync();
  if (error == 0) error = directory_->rename(kNewManifestName, kManifestName);
  if (error == 0) error = directory_->sync();
  return error;
}

int LogStore::dropBeforeStart() noexcept {
  while (segments_.size() > 1 && segments_.at(1)->base <= start_) {
    const uint64_t base = segments_.at(0)->base;
    segments_.removeFirst();
    directory_->remove(segmentName(base, ".idx"));
    if (const int error = directory_->remove(segmentName(base)); error < 0 && error != -ENOENT) return error;
  }
  return 0;
}

int LogStore::makeSegment(uint64_t base, int64_t nowMs) noexcept {
  const std::string name = segmentName(base);
  Ref<LogFile> file;
  if (const int error = directory_->open(name, LogDirectory::Mode::kCreate, file); error < 0) return error;
  uint8_t bytes[kSegmentHeaderBytes];
  putSegmentHeader(bytes, {.epoch = epoch_, .logId = logId_, .base = base, .createdMs = nowMs});
  // Without the reservation it works as well, if there is room.
  const bool reserved = file->allocate(options_.segmentBytes) == 0;
  int error = writeAll(*file, 0, bytes, sizeof bytes);
  if (error == 0) error = file->sync();
  if (error == 0) error = directory_->sync();
  if (error < 0) {
    directory_->remove(name);
    return error;
  }
  file_ = std::move(file);
  position_ = kSegmentHeaderBytes;
  settled_ = position_;
  allocated_ = reserved ? options_.segmentBytes : 0;
  auto segment = Ref<Segment>::make(directory_, logId_, base);
  segment->seal(false);
  segment->setBytes(position_);
  segments_.add(std::move(segment));
  return 0;
}

LogStore::Append LogStore::roll(int64_t nowMs, uint64_t frameBytes) noexcept {
  const bool isEmpty = position_ == kSegmentHeaderBytes;
  if (isEmpty || position_ + frameBytes <= options_.segmentBytes) return Append::kDone;
  // Behind this nothing syncs the old file any more.
  if (unsynced_ && options_.syncsCuts && sync() != 0) return Append::kBroken;
  const Ref<Segment> full = segments_.last();
  const Ref<LogFile> fullFile = file_;
  const uint64_t fullBytes = position_;
  if (const int error = makeSegment(end_, nowMs); error < 0) {
    return isWantOfRoom(-error) ? refuse(-error) : breaks(-error);
  }
  fullFile->truncate(fullBytes);  // gives back what was reserved and not needed
  full->seal(true);
  return Append::kDone;
}

LogStore::Append LogStore::append(uint8_t* frame, FrameHeader header, int64_t nowMs) noexcept {
  if (broken_) return Append::kBroken;
  header.epoch = epoch_;
  header.base = end_;
  if (const Append rolled = roll(nowMs, header.bytes()); rolled != Append::kDone) return rolled;
  if (position_ + header.bytes() > allocated_) {
    const uint64_t wanted = std::max(options_.segmentBytes, position_ + header.bytes());
    if (file_->allocate(wanted) == 0) allocated_ = wanted;
  }
  header.bodyCrc = crc32c(0, frame + kFrameHeaderBytes, header.bodyBytes);
  const Ref<Segment> segment = segments_.last();
  putFrameHeader(frame, header, {.logId = logId_, .segmentBase = segment->base, .position = position_});
  const size_t used = kFrameHeaderBytes + size_t{header.bodyBytes};
  if (const int error = writeAll(*file_, position_, frame, used); error < 0) {
    if (!isWantOfRoom(-error)) {
      file_->truncate(settled_);  // as far as that goes
      return breaks(-error);
    }
    // A frame that is whole on the disk, though it was refused, would be found when the log is opened.
    int cut = file_->truncate(position_);
    allocated_ = 0;
    if (cut == 0 && options_.syncsCuts) cut = file_->sync();
    return cut == 0 ? refuse(-error) : breaks(-cut);
  }
  segment->note(header, position_);
  position_ += header.bytes();
  if (!options_.syncsCuts) settled_ = position_;
  segment->setBytes(position_);
  end_ = header.end();
  unsynced_ = true;
  return Append::kDone;
}

int LogStore::sync() noexcept {
  if (broken_) return error_;
  if (!unsynced_) return 0;
  if (const int error = file_->sync(); error < 0) {
    // Nobody knows what of it is on the disk, and asking again would only hear that all is well. What was not acknowledged is
    // refused now, so it must not be found later: it is cut as far as that goes.
    if (file_->truncate(settled_) == 0) file_->sync();
    breaks(-error);
    return error_;
  }
  unsynced_ = false;
  settled_ = position_;
  return 0;
}

int LogStore::trim(uint64_t before) noexcept {
  if (broken_) return error_;
  before = std::min(before, end_);
  if (before <= start_) return 0;
  const uint64_t was = start_;
  start_ = before;
  if (const int error = saveManifest(); error < 0) {
    start_ = was;
    return -error;
  }
  return -dropBeforeStart();
}

uint64_t LogStore::expired(uint64_t maxBytes, int64_t oldestMs) noexcept {
  uint64_t total = segments_.bytes();
  uint64_t until = start_;
  for (size_t i = 0; i + 1 < segments_.size(); i++) {
    const Ref<Segment> segment = segments_.at(i);
    const int64_t latestMs = segment->maxTimeMs();
    const bool isOld = latestMs != INT64_MIN && latestMs < oldestMs;
    if (total <= maxBytes && !isOld) break;
    total -= segment->bytes();
    until = segments_.at(i + 1)->base;
  }
  return until;
}

LogStore::Append LogStore::refuse(int error) noexcept {
  error_ = error;
  return Append::kRefused;
}

LogStore::Append LogStore::breaks(int error) noexcept {
  broken_ = true;
  error_ = error;
  return Append::kBroken;
}

}  // namespace sluice
