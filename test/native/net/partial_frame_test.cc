#include "net/partial_frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace sluice {
namespace {

std::string content(PartialFrame& partial) { return {reinterpret_cast<const char*>(partial.bytes()), partial.size()}; }

bool assign(PartialFrame& partial, const std::string& text) {
  return partial.assign(reinterpret_cast<const uint8_t*>(text.data()), static_cast<uint32_t>(text.size()));
}

TEST(PartialFrame, ForgetsWhatWasKnownWithItsLastByte) {
  PartialFrame partial;
  ASSERT_TRUE(assign(partial, "abc"));
  partial.resume = 2;
  partial.whole = 3;
  partial.unscanned = true;
  partial.dropFront(3);
  EXPECT_TRUE(partial.empty());
  EXPECT_EQ(partial.resume, 0u);
  EXPECT_EQ(partial.whole, 0u);
  EXPECT_FALSE(partial.unscanned);
}

TEST(PartialFrame, GivesMuchMemoryBackForASmallRest) {
  PartialFrame partial;
  ASSERT_TRUE(assign(partial, std::string(100'000, 'x')));
  ASSERT_TRUE(assign(partial, "rest"));
  EXPECT_EQ(content(partial), "rest");
  EXPECT_LT(partial.spare(), 1000u);
}

TEST(PartialFrame, AgreesWithAString) {
  for (uint32_t seed = 0; seed < 200; seed++) {
    std::mt19937 random(seed);
    PartialFrame partial;
    std::string model;
    for (int step = 0; step < 100; step++) {
      const auto letter = static_cast<char>('a' + random() % 26);
      switch (random() % 4) {
        case 0:
          model = std::string(random() % 5'000, letter);
          ASSERT_TRUE(assign(partial, model));
          break;
        case 1: {
          const auto dropped = static_cast<uint32_t>(random() % (model.size() + 1));
          partial.dropFront(dropped);
          model.erase(0, dropped);
          break;
        }
        default: {
          const auto extra = static_cast<uint32_t>(1 + random() % 3'000);
          uint8_t* into = partial.reserve(extra);
          ASSERT_NE(into, nullptr);
          ASSERT_GE(partial.spare(), extra);
          std::fill_n(into, extra, static_cast<uint8_t>(letter));
          partial.extend(extra);
          model += std::string(extra, letter);
        }
      }
      ASSERT_EQ(content(partial), model) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace sluice
