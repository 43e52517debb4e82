// Records in the body of a frame, one behind the other:
//
//   flags: 1 byte · value length: varint · [key length: varint] · [headers length: varint] · [time: zigzag varint]
//   key · headers · value
//
// The time is milliseconds relative to the frame's base time, left out when 0. The headers are a block that the program's half
// reads and writes; here they are bytes.
#pragma once

#include <cstdint>
#include <cstring>

namespace sluice {

inline constexpr uint8_t kRecordHasKey = 1;
inline constexpr uint8_t kRecordKeyIsText = 2;
inline constexpr uint8_t kRecordHasHeaders = 4;
inline constexpr uint8_t kRecordHasTime = 8;
inline constexpr uint8_t kRecordFlags = 15;
/// Flags, and four varints: three of 32 bits, one of 64.
inline constexpr uint32_t kMaxRecordHeaderBytes = 1 + 3 * 5 + 10;

struct RecordParts {
  uint8_t flags = 0;
  int64_t timeMs = 0;
  uint32_t keyBytes = 0;
  uint32_t headersBytes = 0;
  uint32_t valueBytes = 0;
};

inline uint8_t* putVarint(uint8_t* at, uint64_t value) noexcept {
  while (value >= 0x80) {
    *at++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<uint8_t>(value);
  return at;
}

/// Behind it, or null: there is none before `end`.
inline const uint8_t* getVarint(const uint8_t* at, const uint8_t* end, uint64_t& value) noexcept {
  value = 0;
  for (int shift = 0; at < end && shift < 64; shift += 7) {
    const uint8_t byte = *at++;
    value |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return at;
  }
  return nullptr;
}

/// The header of a record; its parts follow. `timeMs` is relative to the frame's.
inline uint8_t* putRecordHeader(uint8_t* at, const RecordParts& parts) noexcept {
  uint8_t flags = parts.flags & ~kRecordHasTime;
  if (parts.timeMs != 0) flags |= kRecordHasTime;
  *at++ = flags;
  at = putVarint(at, parts.valueBytes);
  if ((flags & kRecordHasKey) != 0) at = putVarint(at, parts.keyBytes);
  if ((flags & kRecordHasHeaders) != 0) at = putVarint(at, parts.headersBytes);
  if (parts.timeMs != 0) {
    const auto time = static_cast<uint64_t>(parts.timeMs);
    at = putVarint(at, time << 1 ^ (parts.timeMs < 0 ? ~uint64_t{0} : 0));
  }
  return at;
}

/// Where the parts of the record begin; null when there is no whole record before `end`.
inline const uint8_t* getRecord(const uint8_t* at, const uint8_t* end, RecordParts& parts) noexcept {
  if (at >= end) return nullptr;
  parts = {.flags = *at++};
  if ((parts.flags & ~kRecordFlags) != 0) return nullptr;
  uint64_t length = 0;
  uint64_t total = 0;
  const auto part = [&](bool present, uint32_t& bytes) noexcept {
    if (!present) return true;
    at = getVarint(at, end, length);
    if (at == nullptr || length > UINT32_MAX) return false;
    bytes = static_cast<uint32_t>(length);
    total += length;
    return true;
  };
  if (!part(true, parts.valueBytes)) return nullptr;
  if (!part((parts.flags & kRecordHasKey) != 0, parts.keyBytes)) return nullptr;
  if (!part((parts.flags & kRecordHasHeaders) != 0, parts.headersBytes)) return nullptr;
  if ((parts.flags & kRecordHasTime) != 0) {
    uint64_t time = 0;
    at = getVarint(at, end, time);
    if (at == nullptr) return nullptr;
    parts.timeMs = static_cast<int64_t>(time >> 1 ^ (~(time & 1) + 1));
  }
  return total <= static_cast<uint64_t>(end - at) ? at : nullptr;
}

}  // namespace sluice
