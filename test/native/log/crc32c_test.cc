#include "log/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

TEST(Crc32c, GivesTheNumbersOfRfc3720) {
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xe3069283U);
  EXPECT_EQ(crc32c(0, std::string(32, '\0').data(), 32), 0x8a9136aaU);
  EXPECT_EQ(crc32c(0, std::string(32, '\xff').data(), 32), 0x62a8ab43U);
  EXPECT_EQ(crc32c(0, "", 0), 0U);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstructionAndInParts) {
  std::minstd_rand random(7);
  std::vector<uint8_t> bytes(1000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  for (size_t from = 0; from < 9; from++) {
    for (size_t length = 0; length + from <= bytes.size(); length += 1 + length / 8) {
      const uint32_t whole = crc32c(0, bytes.data() + from, length);
      ASSERT_EQ(whole, crc32cByTable(0, bytes.data() + from, length));
      const size_t half = length / 2;
      const uint32_t first = crc32c(0, bytes.data() + from, half);
      ASSERT_EQ(whole, crc32c(first, bytes.data() + from + half, length - half));
    }
  }
}

}  // namespace
}  // namespace sluice
