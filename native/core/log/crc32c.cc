#include "log/crc32c.h"

#include <array>
#include <atomic>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#ifdef __linux__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#endif

namespace sluice {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

// Eight tables, a byte of a 64-bit word each ("slicing by 8", Kounavis and Berry, 2008).
struct Tables {
  std::array<std::array<uint32_t, 256>, 8> of{};
  constexpr Tables() {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ kPolynomial : crc >> 1;
      of[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
      for (size_t k = 1; k < 8; k++) of[k][i] = of[k - 1][i] >> 8 ^ of[0][of[k - 1][i] & 0xff];
    }
  }
};
constexpr Tables kTables;

using Update = uint32_t (*)(uint32_t crc, const uint8_t* at, size_t length);

uint32_t updateByTable(uint32_t crc, const uint8_t* at, size_t length) noexcept {
  for (; length >= 8; at += 8, length -= 8) {
    uint32_t low;
    uint32_t high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + 4, 4);
    low ^= crc;
    crc = kTables.of[7][low & 0xff] ^ kTables.of[6][low >> 8 & 0xff] ^ kTables.of[5][low >> 16 & 0xff] ^
          kTables.of[4][low >> 24] ^ kTables.of[3][high & 0xff] ^ kTables.of[2][high >> 8 & 0xff] ^
          kTables.of[1][high >> 16 & 0xff] ^ kTables.of[0][high >> 24];
  }
  for (; length > 0; at++, length--) crc = crc >> 8 ^ kTables.of[0][(crc ^ *at) & 0xff];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t updateByInstruction(uint32_t crc, const uint8_t* at,
                                                               size_t length) noexcept {
  uint64_t wide = crc;
  for (; length >= 8; at += 8, length -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; length > 0; at++, length--) crc = _mm_crc32_u8(crc, *at);
  return crc;
}
bool hasInstruction() noexcept { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__)
#ifdef __APPLE__
#define SLUICE_CRC_TARGET
#else
#define SLUICE_CRC_TARGET __attribute__((target("+crc")))
#endif
SLUICE_CRC_TARGET uint32_t updateByInstruction(uint32_t crc, const uint8_t* at, size_t length) noexcept {
  for (; length >= 8; at += 8, length -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    crc = __crc32cd(crc, word);
  }
  for (; length > 0; at++, length--) crc = __crc32cb(crc, *at);
  return crc;
}
bool hasInstruction() noexcept {
#ifdef __linux__
  return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
  return true;  // every arm64 Mac
#endif
}
#else
constexpr Update updateByInstruction = updateByTable;
bool hasInstruction() noexcept { return false; }
#endif

// Chosen at the first call, by each thread that comes first: all choose the same. A local static would need the C++ library's
// guards, and with them its exception machinery and a newer glibc.
constinit std::atomic<Update> theUpdate = nullptr;

Update chosenUpdate() noexcept {
  Update update = theUpdate.load(std::memory_order_relaxed);
  if (update == nullptr) {
    update = hasInstruction() ? static_cast<Update>(updateByInstruction) : updateByTable;
    theUpdate.store(update, std::memory_order_relaxed);
  }
  return update;
}

}  // namespace

uint32_t crc32c(uint32_t seed, const void* bytes, size_t length) noexcept {
  const Update update = chosenUpdate();
  return ~update(~seed, static_cast<const uint8_t*>(bytes), length);
}

uint32_t crc32cByTable(uint32_t seed, const void* bytes, size_t length) noexcept {
  return ~updateByTable(~seed, static_cast<const uint8_t*>(bytes), length);
}

}  // namespace sluice
