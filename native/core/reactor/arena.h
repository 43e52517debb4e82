// Where a turn's bytes and frames go. The memory belongs to the caller (in the addon: to JavaScript).
//
// An arena stays small enough for the L2 cache: the kernel's copy into it and the reader's scan then meet in the cache.
#pragma once

#include <cstdint>

namespace sluice {

struct Arena {
  uint8_t* bytes = nullptr;
  uint32_t size = 0;
  int32_t* frames = nullptr;  // FrameTable words
  uint32_t frameCapacity = 0;
};

/// The smallest arena that fill() accepts.
inline constexpr uint32_t kMinArenaBytes = 16 * 1024;

}  // namespace sluice
