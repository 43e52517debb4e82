// Every vector path of the byte scan against a loop: all lengths up to a few steps, all alignments, every byte value.
#include "framing/byte_scan.h"

#include <cstring>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {

namespace byte_scan {
void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }
}  // namespace byte_scan

namespace {

constexpr size_t kStep = 64;

std::vector<uint32_t> plainScan(const uint8_t* data, size_t from, size_t to, uint8_t byte) {
  std::vector<uint32_t> positions;
  for (size_t i = from; i < to; i++) {
    if (data[i] == byte) positions.push_back(static_cast<uint32_t>(i));
  }
  return positions;
}

/// Calls the kernel until everything was looked at, as its users do.
std::vector<uint32_t> wholeScan(byte_scan::Kernel kernel, const uint8_t* data, size_t from, size_t to, uint8_t byte) {
  std::vector<uint32_t> positions;
  while (from < to) {
    uint32_t some[kScanBatch];
    const ByteScan scan = kernel(data, from, to, byte, some);
    EXPECT_LE(scan.count, kScanBatch);
    EXPECT_LE(scan.scannedTo, to);
    EXPECT_GT(scan.scannedTo, from) << "a call that looks at nothing never ends";
    if (scan.scannedTo <= from || scan.scannedTo > to) break;
    positions.insert(positions.end(), some, some + scan.count);
    from = scan.scannedTo;
  }
  return positions;
}

class EveryVariant : public testing::TestWithParam<byte_scan::Variant> {
 protected:
  void SetUp() override {
    if (!GetParam().supported) GTEST_SKIP() << "this CPU has no " << GetParam().name;
  }
};

// The bytes end where their allocation ends, so that a read beyond them is a fault under AddressSanitizer.
TEST_P(EveryVariant, FindsWhatALoopFindsAtEveryLengthAndAlignment) {
  std::mt19937 random(1);
  for (size_t length = 0; length <= 4 * kStep + 3; length++) {
    for (size_t alignment = 0; alignment < kStep; alignment++) {
      const size_t size = alignment + length;
      const auto data = std::make_unique<uint8_t[]>(size);
      for (size_t i = 0; i < size; i++) data[i] = random() % 4 == 0 ? '\n' : static_cast<uint8_t>(random());
      ASSERT_EQ(wholeScan(GetParam().kernel, data.get(), alignment, size, '\n'),
                plainScan(data.get(), alignment, size, '\n'))
          << "length " << length << ", alignment " << alignment;
    }
  }
}

// The portable path computes matches with carries: each value meets its neighbours, which differ from it by one bit.
TEST_P(EveryVariant, TellsEachByteFromEveryOther) {
  uint8_t all[256];
  for (int i = 0; i < 256; i++) all[i] = static_cast<uint8_t>(i);
  for (int byte = 0; byte < 256; byte++) {
    ASSERT_EQ(wholeScan(GetParam().kernel, all, 0, 256, static_cast<uint8_t>(byte)),
              std::vector<uint32_t>{static_cast<uint32_t>(byte)});
    for (int flip = 1; flip < 256; flip <<= 1) {
      uint8_t mixed[3 * kStep];
      for (size_t i = 0; i < sizeof mixed; i++) mixed[i] = static_cast<uint8_t>(i % 2 == 0 ? byte : byte ^ flip);
      ASSERT_EQ(wholeScan(GetParam().kernel, mixed, 0, sizeof mixed, static_cast<uint8_t>(byte)),
                plainScan(mixed, 0, sizeof mixed, static_cast<uint8_t>(byte)));
    }
  }
}

TEST_P(EveryVariant, GoesOnWhereAFullBatchStopped) {
  const std::vector<uint8_t> newlines(10 * kScanBatch + 17, '\n');
  EXPECT_EQ(wholeScan(GetParam().kernel, newlines.data(), 0, newlines.size(), '\n').size(), newlines.size());
}

TEST_P(EveryVariant, WritesNoMoreThanABatch) {
  const std::vector<uint8_t> newlines(4 * kScanBatch, '\n');
  // Exactly the room that the contract asks for, so that one position more is a fault under AddressSanitizer.
  const auto positions = std::make_unique<uint32_t[]>(kScanBatch);
  for (size_t from = 0; from < 2 * kStep; from++) {
    const ByteScan scan = GetParam().kernel(newlines.data(), from, newlines.size(), '\n', positions.get());
    EXPECT_LE(scan.count, kScanBatch);
    EXPECT_GT(scan.count, kScanBatch - kStep) << "stops only when the next step might not fit";
  }
}

INSTANTIATE_TEST_SUITE_P(ByteScan, EveryVariant,
                         testing::ValuesIn(byte_scan::variants().begin, byte_scan::variants().end),
                         [](const auto& variant) { return std::string(variant.param.name); });

TEST(ByteScan, UsesTheWidestVariantThatTheCpuHas) {
  for (const byte_scan::Variant* v = byte_scan::variants().begin; v != byte_scan::variants().end; v++) {
    if (!v->supported) continue;
    const std::string text = "a\nbc\n";
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    EXPECT_EQ(wholeScan(scanBytes, data, 0, text.size(), '\n'), wholeScan(v->kernel, data, 0, text.size(), '\n'));
    break;
  }
}

}  // namespace
}  // namespace sluice
