// Finding every occurrence of one byte: what lines and delimiters are made of.
//
// 64 bytes a step become one 64-bit mask with a bit for each match, and the set bits become positions. The widest
// instruction set that the CPU has is chosen once, when the code is loaded. Reads stay inside [from, to).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

/// How many positions one call reports at most.
inline constexpr size_t kScanBatch = 512;

struct ByteScan {
  size_t count;      // positions written
  size_t scannedTo;  // everything before it was looked at
};

/// Writes the positions of `byte` in data[from, to), ascending and relative to `data`, until about kScanBatch are
/// found. `positions` has room for kScanBatch. scannedTo < to means: call again from there.
ByteScan scanBytes(const uint8_t* data, size_t from, size_t to, uint8_t byte, uint32_t* positions) noexcept;

namespace byte_scan {

using Kernel = ByteScan (*)(const uint8_t* data, size_t from, size_t to, uint8_t byte, uint32_t* positions) noexcept;

struct Variant {
  const char* name;
  Kernel kernel;
  bool supported;
};

/// Every variant that was compiled in, the preferred first: tests compare them.
struct Variants {
  const Variant* begin;
  const Variant* end;
};
Variants variants() noexcept;

}  // namespace byte_scan

}  // namespace sluice
