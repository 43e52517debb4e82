// Bytes as the body of a frame: records are found within them, and what is found is written again as it was.

#include <cstring>
#include <vector>

#include "log/record_format.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t* at = data;
  const uint8_t* const end = data + size;
  for (;;) {
    RecordParts parts;
    const uint8_t* from = getRecord(at, end, parts);
    if (from == nullptr) return 0;
    const uint64_t bytes = uint64_t{parts.keyBytes} + parts.headersBytes + parts.valueBytes;
    if (from < at || bytes > static_cast<uint64_t>(end - from)) __builtin_trap();
    uint8_t header[kMaxRecordHeaderBytes];
    const uint8_t* const written = putRecordHeader(header, parts);
    RecordParts again;
    std::vector<uint8_t> whole(&header[0], &header[0] + (written - header));
    whole.insert(whole.end(), from, from + bytes);
    const uint8_t* found = getRecord(whole.data(), whole.data() + whole.size(), again);
    if (found == nullptr || again.valueBytes != parts.valueBytes || again.timeMs != parts.timeMs) __builtin_trap();
    at = from + bytes;
  }
}
