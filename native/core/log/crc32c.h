// CRC-32C (Castagnoli, RFC 3720 appendix B.4): by the processor where it has the instruction, by a table elsewhere. All ways
// give the same number.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

/// The checksum of what `seed` is the checksum of, followed by these bytes. 0 begins.
uint32_t crc32c(uint32_t seed, const void* bytes, size_t length) noexcept;

/// The way without special instructions, for tests to compare.
uint32_t crc32cByTable(uint32_t seed, const void* bytes, size_t length) noexcept;

}  // namespace sluice
