// Writing and reading a log's files in tests of its native half.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "log/frame_builder.h"
#include "log/log_reader.h"
#include "log/log_store.h"

namespace sluice {

/// One frame of these values.
inline LogStore::Append appendFrame(LogStore& store, const std::vector<std::string>& values, int64_t timeMs = 1000) {
  FrameBuilder frame;
  frame.clear();
  for (const std::string& value : values) {
    frame.add({.flags = 0, .timeMs = timeMs, .valueBytes = static_cast<uint32_t>(value.size())},
              reinterpret_cast<const uint8_t*>(value.data()));
  }
  return store.append(frame.frame(), frame.header(), timeMs);
}

struct LogContents {
  std::map<uint64_t, std::string> records;
  std::vector<LogGap> gaps;
  int error = 0;
};

/// All that a reader finds from `from` on.
inline LogContents readLog(const SegmentList& segments, uint64_t logId, uint64_t start, uint64_t end, uint64_t from,
                           uint32_t arenaBytes = 4096) {
  LogContents contents;
  LogReader reader(segments, logId, from);
  std::vector<uint8_t> arena(arenaBytes);
  std::vector<int32_t> records(64 * LogBatchTable::kRecordWords);
  std::vector<int32_t> frames(64 * LogBatchTable::kFrameWords);
  for (int rounds = 0; reader.next() < end && rounds < 10'000; rounds++) {
    const LogBatchInfo batch = reader.read({.arena = arena.data(),
                                            .arenaBytes = static_cast<uint32_t>(arena.size()),
                                            .records = records.data(),
                                            .recordCapacity = 64,
                                            .frames = frames.data(),
                                            .frameCapacity = 64},
                                           start, end);
    if (batch.gap.records > 0) contents.gaps.push_back(batch.gap);
    for (uint32_t i = 0; i < batch.records; i++) {
      const int32_t* record = records.data() + size_t{i} * LogBatchTable::kRecordWords;
      contents.records[batch.first + i] =
          std::string(reinterpret_cast<char*>(arena.data()) + record[1], static_cast<size_t>(record[2] - record[1]));
    }
    if (batch.error != 0) contents.error = batch.error;
    if (batch.wanted > arena.size()) arena.resize(batch.wanted);
    if (batch.error != 0) break;
  }
  return contents;
}

inline LogContents readLog(const LogStore& store, uint32_t arenaBytes = 4096) {
  return readLog(store.segments(), store.logId(), store.start(), store.end(), store.start(), arenaBytes);
}

}  // namespace sluice
