// Where things lie in the files of a log. docs/log-format.md describes it for readers of other programs; the two must agree.
//
// All numbers are little-endian. A frame's header checksum begins with where the frame lies (log, segment, position): so a copy of a
// frame anywhere else, in another record's value for example, or in space that a file system gave out twice, is no frame.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "log/crc32c.h"

namespace sluice::log_format {

static_assert(std::endian::native == std::endian::little, "the log reads and writes its numbers in place");

inline constexpr uint32_t kVersion = 1;

// A segment: a header, and frames one behind the other. Named after the offset of its first record.
inline constexpr uint64_t kSegmentMagic = 0x474c454349554c53;   // "SLUICELG"
inline constexpr uint64_t kManifestMagic = 0x544d454349554c53;  // "SLUICEMT"
inline constexpr uint64_t kIndexMagic = 0x5849454349554c53;     // "SLUICEIX"
inline constexpr uint32_t kFrameMagic = 0x6d724653;             // "SFrm"
inline constexpr uint32_t kSegmentHeaderBytes = 64;
inline constexpr uint32_t kFrameHeaderBytes = 48;
inline constexpr uint32_t kFrameAlignment = 8;
inline constexpr uint32_t kMaxBodyBytes = 1U << 30;
inline constexpr const char* kManifestName = "log.meta";
inline constexpr const char* kNewManifestName = "log.meta.new";

template <typename T>
T get(const uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <typename T>
void put(uint8_t* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

struct SegmentHeader {
  uint32_t epoch = 0;  // of the opening that made it
  uint64_t logId = 0;
  uint64_t base = 0;  // offset of the first record
  int64_t createdMs = 0;
};

enum class HeaderState : uint8_t { kSound, kDamaged, kOtherVersion };

inline void putSegmentHeader(uint8_t* at, const SegmentHeader& header) noexcept {
  std::memset(at, 0, kSegmentHeaderBytes);
  put(at, kSegmentMagic);
  put(at + 8, kVersion);
  put(at + 12, header.epoch);
  put(at + 16, header.logId);
  put(at + 24, header.base);
  put(at + 32, header.createdMs);
  put(at + 60, crc32c(0, at, 60));
}

inline HeaderState getSegmentHeader(const uint8_t* at, SegmentHeader& header) noexcept {
  if (get<uint64_t>(at) != kSegmentMagic || get<uint32_t>(at + 60) != crc32c(0, at, 60)) return HeaderState::kDamaged;
  if (get<uint32_t>(at + 8) != kVersion) return HeaderState::kOtherVersion;
  header = {.epoch = get<uint32_t>(at + 12),
            .logId = get<uint64_t>(at + 16),
            .base = get<uint64_t>(at + 24),
            .createdMs = get<int64_t>(at + 32)};
  return HeaderState::kSound;
}

/// What must be known before the first segment is looked at.
struct Manifest {
  uint64_t logId = 0;
  uint64_t start = 0;  // records before it are gone
};
inline constexpr uint32_t kManifestBytes = 64;

inline void putManifest(uint8_t* at, const Manifest& manifest) noexcept {
  std::memset(at, 0, kManifestBytes);
  put(at, kManifestMagic);
  put(at + 8, kVersion);
  put(at + 16, manifest.logId);
  put(at + 24, manifest.start);
  put(at + 60, crc32c(0, at, 60));
}

inline HeaderState getManifest(const uint8_t* at, Manifest& manifest) noexcept {
  if (get<uint64_t>(at) != kManifestMagic || get<uint32_t>(at + 60) != crc32c(0, at, 60)) return HeaderState::kDamaged;
  if (get<uint32_t>(at + 8) != kVersion) return HeaderState::kOtherVersion;
  manifest = {.logId = get<uint64_t>(at + 16), .start = get<uint64_t>(at + 24)};
  return HeaderState::kSound;
}

/// Where a frame lies.
struct FramePlace {
  uint64_t logId = 0;
  uint64_t segmentBase = 0;
  uint64_t position = 0;
};

struct FrameHeader {
  uint32_t bodyBytes = 0;
  uint32_t epoch = 0;
  uint32_t count = 0;  // of records, 1 or more
  uint64_t base = 0;   // offset of the first
  int64_t baseTimeMs = 0;
  int64_t maxTimeMs = 0;
  uint32_t bodyCrc = 0;

  uint64_t end() const noexcept { return base + count; }
  /// From this frame to the next.
  uint64_t bytes() const noexcept {
    return (uint64_t{kFrameHeaderBytes} + bodyBytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
  }
};

inline uint32_t frameHeaderCrc(const uint8_t* at, const FramePlace& place) noexcept {
  static_assert(sizeof place == 24);
  return crc32c(crc32c(0, &place, sizeof place), at, kFrameHeaderBytes - 4);
}

inline void putFrameHeader(uint8_t* at, const FrameHeader& header, const FramePlace& place) noexcept {
  put(at, kFrameMagic);
  put(at + 4, header.bodyBytes);
  put(at + 8, header.epoch);
  put(at + 12, header.count);
  put(at + 16, header.base);
  put(at + 24, header.baseTimeMs);
  put(at + 32, header.maxTimeMs);
  put(at + 40, header.bodyCrc);
  put(at + 44, frameHeaderCrc(at, place));
}

/// False: no frame begins there.
inline bool getFrameHeader(const uint8_t* at, const FramePlace& place, FrameHeader& header) noexcept {
  if (get<uint32_t>(at) != kFrameMagic || get<uint32_t>(at + 44) != frameHeaderCrc(at, place)) return false;
  header = {.bodyBytes = get<uint32_t>(at + 4),
            .epoch = get<uint32_t>(at + 8),
            .count = get<uint32_t>(at + 12),
            .base = get<uint64_t>(at + 16),
            .baseTimeMs = get<int64_t>(at + 24),
            .maxTimeMs = get<int64_t>(at + 32),
            .bodyCrc = get<uint32_t>(at + 40)};
  return header.bodyBytes <= kMaxBodyBytes && header.count > 0 && header.count <= header.bodyBytes;
}

inline bool bodyIsSound(const uint8_t* body, const FrameHeader& header) noexcept {
  return crc32c(0, body, header.bodyBytes) == header.bodyCrc;
}

/// "00000000000000000042.log", and the same with another ending.
std::string segmentName(uint64_t base, const char* ending = ".log");
/// False: it is no segment's name.
bool parseSegmentName(const std::string& name, uint64_t& base) noexcept;

}  // namespace sluice::log_format
