#include "lanes/side_memory.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sluice {
namespace {

TEST(SideMemory, GivesAllOfItWhenNothingIsInUse) {
  SideMemory memory(1000, 1024);
  EXPECT_EQ(memory.allocate(1024), 1000U);
  EXPECT_EQ(memory.allocate(1), std::nullopt);
  memory.free(1000, 1024);
  EXPECT_EQ(memory.allocate(1000), 1000U);
}

TEST(SideMemory, PiecesDoNotOverlapAndJoinAgain) {
  constexpr uint32_t kBegin = 512;
  constexpr uint32_t kBytes = 64 * 1024;
  SideMemory memory(kBegin, kBytes);
  std::mt19937 random(7);
  struct Piece {
    uint32_t at;
    uint32_t bytes;
  };
  std::vector<Piece> pieces;
  std::vector<bool> used(kBytes);
  for (int i = 0; i < 20'000; i++) {
    if (random() % 2 == 0 && !pieces.empty()) {
      const size_t which = random() % pieces.size();
      for (uint32_t b = 0; b < pieces[which].bytes; b++) used[pieces[which].at - kBegin + b] = false;
      memory.free(pieces[which].at, pieces[which].bytes);
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(which));
      continue;
    }
    const uint32_t bytes = 1 + random() % 6000;
    const std::optional<uint32_t> at = memory.allocate(bytes);
    if (!at) continue;
    ASSERT_GE(*at, kBegin);
    ASSERT_LE(*at + bytes, kBegin + kBytes);
    for (uint32_t b = 0; b < bytes; b++) {
      ASSERT_FALSE(used[*at - kBegin + b]);
      used[*at - kBegin + b] = true;
    }
    pieces.push_back({*at, bytes});
  }
  for (const Piece& piece : pieces) memory.free(piece.at, piece.bytes);
  EXPECT_EQ(memory.allocate(kBytes), kBegin);
}

}  // namespace
}  // namespace sluice
