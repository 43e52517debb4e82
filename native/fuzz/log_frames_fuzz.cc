// Bytes as a segment's: walking it, checking it and reading it never reads outside of what is there, and comes to an end. With the
// checksums put right, so that what is behind them is reached.

#include <cstring>
#include <vector>

#include "log/frame_walker.h"
#include "log/record_format.h"
#include "support/fake_disk.h"
#include "support/log_files.h"

using namespace sluice;

namespace {

constexpr uint64_t kLogId = 5;

/// Frames wherever there is the magic, with checksums that fit.
void makeSound(std::vector<uint8_t>& bytes) {
  using namespace log_format;
  for (size_t at = kSegmentHeaderBytes; at + kFrameHeaderBytes <= bytes.size(); at += kFrameAlignment) {
    uint8_t* frame = bytes.data() + at;
    if (get<uint32_t>(frame) != kFrameMagic) continue;
    const uint64_t room = bytes.size() - at - kFrameHeaderBytes;
    const uint64_t length = get<uint32_t>(frame + 4) % (room + 1);
    put(frame + 4, static_cast<uint32_t>(length));
    put(frame + 40, crc32c(0, frame + kFrameHeaderBytes, length));
    put(frame + 44, frameHeaderCrc(frame, {.logId = kLogId, .segmentBase = 0, .position = at}));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(log_format::kSegmentHeaderBytes);
  log_format::putSegmentHeader(bytes.data(), {.epoch = 1, .logId = kLogId, .base = 0, .createdMs = 0});
  bytes.insert(bytes.end(), data, data + size);
  if (size > 0 && (data[size - 1] & 1) != 0) makeSound(bytes);

  auto disk = Ref<FakeDisk>::make();
  auto file = std::make_shared<FakeDisk::File>();
  file->current = bytes;
  file->durable = bytes;
  disk->names[log_format::segmentName(0)] = file;
  disk->durableNames = disk->names;

  LogStore store;
  if (store.open(Ref<FakeDirectory>::make(disk), {.segmentBytes = 65'536}, 1, 1).fault != LogFault::kNone) return 0;
  const uint64_t end = store.end();
  readLog(store, 256);
  findTime(store.segments(), store.logId(), 1000, store.start(), end);
  if (appendFrame(store, {"behind"}) != LogStore::Append::kDone) __builtin_trap();
  readLog(store.segments(), store.logId(), end, store.end(), end);
  return 0;
}
