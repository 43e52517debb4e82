#include "framing/byte_scan.h"

#include <bit>
#include <cstring>
#include <iterator>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace sluice {

namespace {

constexpr size_t kStep = 64;

// The loop around a mask, the same for each instruction set. A macro, because code that uses an instruction set can
// only be inlined into a function that is compiled for it.
#define SLUICE_SCAN_LOOP(MASK64)                                                 \
  size_t count = 0;                                                              \
  while (to - from >= kStep) {                                                   \
    if (count + kStep > kScanBatch) return {count, from};                        \
    uint64_t mask = MASK64(data + from, byte);                                   \
    while (mask != 0) {                                                          \
      positions[count++] = static_cast<uint32_t>(from) + std::countr_zero(mask); \
      mask &= mask - 1;                                                          \
    }                                                                            \
    from += kStep;                                                               \
  }                                                                              \
  if (from < to) {                                                               \
    if (count + kStep > kScanBatch) return {count, from};                        \
    const size_t rest = to - from;                                               \
    uint8_t padded[kStep] = {};                                                  \
    std::memcpy(padded, data + from, rest);                                      \
    uint64_t mask = MASK64(padded, byte) & ((uint64_t{1} << rest) - 1);          \
    while (mask != 0) {                                                          \
      positions[count++] = static_cast<uint32_t>(from) + std::countr_zero(mask); \
      mask &= mask - 1;                                                          \
    }                                                                            \
  }                                                                              \
  return { count, to }

/// Eight bytes at a time: a byte of `word ^ pattern` is zero where it matches, and the sum below carries into the
/// byte's top bit unless all seven low bits are zero (Warren, Hacker's Delight, "Find First 0-Byte"). Exact for every
/// byte, since no carry leaves its own.
inline uint64_t maskPortable(const uint8_t* data, uint8_t byte) noexcept {
  constexpr uint64_t kLow7 = 0x7f7f7f7f7f7f7f7f;
  const uint64_t pattern = uint64_t{0x0101010101010101} * byte;
  uint64_t mask = 0;
  for (int i = 0; i < 8; i++) {
    uint64_t word;
    std::memcpy(&word, data + 8 * i, 8);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    const uint64_t x = word ^ pattern;
    const uint64_t zero = ~(((x & kLow7) + kLow7) | x | kLow7);  // 0x80 in each matching byte
    mask |= ((zero >> 7) * 0x0102040810204080 >> 56) << (8 * i);
  }
  return mask;
}

ByteScan scanPortable(const uint8_t* data, size_t from, size_t to, uint8_t byte, uint32_t* positions) noexcept {
  SLUICE_SCAN_LOOP(maskPortable);
}

#if defined(__x86_64__)

inline uint64_t maskSse2(const uint8_t* data, uint8_t byte) noexcept {
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(byte));
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + 16 * i));
    mask |= uint64_t{static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, wanted)))} << (16 * i);
  }
  return mask;
}

ByteScan scanSse2(const uint8_t* data, size_t from, size_t to, uint8_t byte, uint32_t* positions) noexcept {
  SLUICE_SCAN_LOOP(maskSse2);
}

__attribute__((target("avx2"))) inline uint64_t maskAvx2(const uint8_t* data, uint8_t byte) noexcept {
  const __m256i wanted = _mm256_set1_epi8(static_cast<char>(byte));
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + 32));
  return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)))} |
         uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)))} << 32;
}

__attribute__((target("avx2,bmi,bmi2"))) ByteScan scanAvx2(const uint8_t* data, size_t from, size_t to, uint8_t byte,
                                                           uint32_t* positions) noexcept {
  SLUICE_SCAN_LOOP(maskAvx2);
}

__attribute__((target("avx512bw"))) inline uint64_t maskAvx512(const uint8_t* data, uint8_t byte) noexcept {
  return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(data), _mm512_set1_epi8(static_cast<char>(byte)));
}

__attribute__((target("avx512bw,bmi,bmi2"))) ByteScan scanAvx512(const uint8_t* data, size_t from, size_t to,
                                                                 uint8_t byte, uint32_t* positions) noexcept {
  SLUICE_SCAN_LOOP(maskAvx512);
}

#elif defined(__aarch64__)

inline uint64_t maskNeon(const uint8_t* data, uint8_t byte) noexcept {
  // Each lane keeps the bit of its place; three pairwise additions fold 64 lanes into 64 bits.
  alignas(16) static constexpr uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t bits = vld1q_u8(kBits);
  const uint8x16_t wanted = vdupq_n_u8(byte);
  const uint8x16_t a = vandq_u8(vceqq_u8(vld1q_u8(data), wanted), bits);
  const uint8x16_t b = vandq_u8(vceqq_u8(vld1q_u8(data + 16), wanted), bits);
  const uint8x16_t c = vandq_u8(vceqq_u8(vld1q_u8(data + 32), wanted), bits);
  const uint8x16_t d = vandq_u8(vceqq_u8(vld1q_u8(data + 48), wanted), bits);
  uint8x16_t sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
  sum = vpaddq_u8(sum, sum);
  return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0);
}

ByteScan scanNeon(const uint8_t* data, size_t from, size_t to, uint8_t byte, uint32_t* positions) noexcept {
  SLUICE_SCAN_LOOP(maskNeon);
}

#endif
#undef SLUICE_SCAN_LOOP

const byte_scan::Variant kVariants[] = {
#if defined(__x86_64__)
    {"avx512bw", scanAvx512, __builtin_cpu_supports("avx512bw") != 0},
    {"avx2", scanAvx2, __builtin_cpu_supports("avx2") != 0},
    {"sse2", scanSse2, true},
#elif defined(__aarch64__)
    {"neon", scanNeon, true},
#endif
    {"portable", scanPortable, true},
};

byte_scan::Kernel preferred() noexcept {
  for (const byte_scan::Variant& variant : kVariants) {
    if (variant.supported) return variant.kernel;
  }
  return scanPortable;
}

const byte_scan::Kernel kKernel = preferred();

}  // namespace

byte_scan::Variants byte_scan::variants() noexcept { return {std::begin(kVariants), std::end(kVariants)}; }

ByteScan scanBytes(const uint8_t* data, size_t from, size_t to, uint8_t byte, uint32_t* positions) noexcept {
  return kKernel(data, from, to, byte, positions);
}

}  // namespace sluice
