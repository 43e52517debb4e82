#include "log/log_check.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "log/frame_walker.h"
#include "log/record_format.h"

namespace sluice {

using namespace log_format;

namespace {

struct Header {
  uint64_t base;
  HeaderState state;
};

struct Found {
  std::optional<Manifest> manifest;
  bool manifestIsThere = false;
  uint64_t logId = 0;
  std::vector<Header> segments;
};

LogReport fault(LogFault fault, std::string file, int error = 0) {
  LogReport report;
  report.fault = fault;
  report.error = error;
  report.file = std::move(file);
  return report;
}

LogReport look(LogDirectory& directory, Found& found) noexcept {
  std::vector<std::string> names;
  if (const int error = directory.list(names); error < 0) return fault(LogFault::kSystem, "", -error);
  std::sort(names.begin(), names.end());
  Ref<LogFile> file;
  if (directory.open(kManifestName, LogDirectory::Mode::kRead, file) == 0) {
    uint8_t bytes[kManifestBytes] = {};
    found.manifestIsThere = true;
    if (const int64_t got = file->read(0, bytes, sizeof bytes); got < 0) {
      return fault(LogFault::kSystem, kManifestName, static_cast<int>(-got));
    }
    Manifest manifest;
    const HeaderState state = getManifest(bytes, manifest);
    if (state == HeaderState::kOtherVersion) return fault(LogFault::kVersion, kManifestName);
    if (state == HeaderState::kSound) {
      found.manifest = manifest;
      found.logId = manifest.logId;
    }
  }
  for (const std::string& name : names) {
    uint64_t base = 0;
    if (!parseSegmentName(name, base)) continue;
    if (const int error = directory.open(name, LogDirectory::Mode::kRead, file); error < 0) {
      return fault(LogFault::kSystem, name, -error);
    }
    uint8_t bytes[kSegmentHeaderBytes] = {};
    if (const int64_t got = file->read(0, bytes, sizeof bytes); got < 0) {
      return fault(LogFault::kSystem, name, static_cast<int>(-got));
    }
    SegmentHeader header;
    const HeaderState state = getSegmentHeader(bytes, header);
    if (state == HeaderState::kOtherVersion) return fault(LogFault::kVersion, name);
    if (state == HeaderState::kSound) {
      if (found.logId == 0) found.logId = header.logId;
      if (header.logId != found.logId || header.base != base) return fault(LogFault::kForeign, name);
    }
    found.segments.push_back({.base = base, .state = state});
  }
  if (found.logId == 0 && !found.segments.empty())
    return fault(LogFault::kUnknown, segmentName(found.segments[0].base));
  return {};
}

bool holdsRecords(const FrameHeader& header, const uint8_t* body) noexcept {
  const uint8_t* const end = body + header.bodyBytes;
  for (uint32_t i = 0; i < header.count; i++) {
    RecordParts parts;
    body = getRecord(body, end, parts);
    if (body == nullptr) return false;
    body += uint64_t{parts.keyBytes} + parts.headersBytes + parts.valueBytes;
  }
  return true;
}

LogReport check(LogDirectory& directory, Found& found) noexcept {
  LogReport report = look(directory, found);
  if (report.fault != LogFault::kNone) return report;
  report.segments = found.segments.size();
  if (found.segments.empty() && !found.manifest) return report;
  report.start = found.manifest ? found.manifest->start : found.segments[0].base;
  report.end = report.start;
  if (!found.manifest) {
    report.gaps.push_back({.offset = report.start,
                           .records = 0,
                           .bytes = kManifestBytes,
                           .reason = found.manifestIsThere ? "the manifest is damaged" : "the manifest is missing"});
  }
  uint64_t expected = report.start;
  uint32_t epoch = 0;
  for (size_t i = 0; i < found.segments.size(); i++) {
    const auto& [base, state] = found.segments[i];
    const bool isNewest = i + 1 == found.segments.size();
    Ref<LogFile> file;
    if (const int error = directory.open(segmentName(base), LogDirectory::Mode::kRead, file); error < 0) {
      return fault(LogFault::kSystem, segmentName(base), -error);
    }
    if (base > expected) {
      report.gaps.push_back(
          {.offset = expected, .records = base - expected, .bytes = 0, .reason = "records are missing"});
      expected = base;
    }
    if (state == HeaderState::kDamaged) {
      report.gaps.push_back(
          {.offset = base, .records = 0, .bytes = kSegmentHeaderBytes, .reason = "a segment's header is damaged"});
    }
    FrameWalker walker(file, found.logId, base, FrameWalker::Check::kBodies);
    walker.expect(epoch, base);
    for (;;) {
      const uint64_t next = walker.nextOffset();
      const uint64_t from = walker.position();
      if (!walker.isFrame() && !walker.resync()) break;
      const FrameHeader& header = walker.header();
      if (walker.position() != from || header.base != next) {
        report.gaps.push_back(
            {.offset = next, .records = header.base - next, .bytes = walker.position() - from, .reason = "damaged"});
      }
      if (!holdsRecords(header, walker.body())) {
        report.gaps.push_back({.offset = header.base,
                               .records = header.count,
                               .bytes = header.bytes(),
                               .reason = "a frame holds no records"});
      } else if (header.end() > report.start) {
        report.records += header.end() - std::max(header.base, report.start);
      }
      walker.advance();
    }
    epoch = walker.epoch();
    expected = std::max(expected, walker.nextOffset());
    const uint64_t bytes = walker.endOfBytes() - walker.position();
    if (walker.error() < 0) return fault(LogFault::kSystem, segmentName(base), -walker.error());
    if (bytes > 0 && isNewest) report.tornBytes = bytes;
    if (bytes > 0 && !isNewest) {
      const uint64_t next = found.segments[i + 1].base;
      report.gaps.push_back(
          {.offset = expected, .records = next > expected ? next - expected : 0, .bytes = bytes, .reason = "damaged"});
      expected = std::max(expected, next);
    }
  }
  report.end = expected;
  return report;
}

}  // namespace

LogReport checkLog(LogDirectory& directory) noexcept {
  Found found;
  return check(directory, found);
}

LogReport repairLog(Ref<LogDirectory> directory, int64_t nowMs, uint64_t random) noexcept {
  LogStore store;
  Found found;
  // Opening cuts the tail, so what is found comes first; the lock, before anything.
  if (const int error = directory->lock(); error < 0) {
    return error == -EWOULDBLOCK ? fault(LogFault::kLocked, "lock") : fault(LogFault::kSystem, "lock", -error);
  }
  LogReport report = check(*directory, found);
  if (report.fault != LogFault::kNone) return report;
  directory->unlock();  // a lock is one opening's
  const LogOpenResult opened = store.open(directory, {}, nowMs, random);
  if (opened.fault != LogFault::kNone) return fault(opened.fault, opened.file, opened.error);
  for (const auto& [base, state] : found.segments) {
    directory->remove(segmentName(base, ".idx"));  // made again when it is needed
    if (state != HeaderState::kDamaged) continue;
    Ref<LogFile> file;
    int error = directory->open(segmentName(base), LogDirectory::Mode::kWrite, file);
    uint8_t bytes[kSegmentHeaderBytes];
    putSegmentHeader(bytes, {.epoch = 0, .logId = store.logId(), .base = base, .createdMs = nowMs});
    if (error == 0) error = writeAll(*file, 0, bytes, sizeof bytes);
    if (error == 0) error = file->sync();
    // A segment before the start is gone by now.
    if (error < 0 && error != -ENOENT) return fault(LogFault::kSystem, segmentName(base), -error);
  }
  store.close();
  return report;
}

}  // namespace sluice
