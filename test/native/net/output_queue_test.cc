#include "net/output_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace sluice {
namespace {

void append(OutputQueue& queue, const std::string& text) {
  ASSERT_TRUE(queue.append(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

/// What the queue would write, in at most `max` pieces.
std::string gathered(const OutputQueue& queue, int max) {
  std::vector<iovec> pieces(static_cast<size_t>(max));
  const int count = queue.gather(pieces.data(), max);
  std::string text;
  for (int i = 0; i < count; i++) {
    EXPECT_GT(pieces[i].iov_len, 0u);
    text.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return text;
}

TEST(OutputQueue, IsAFifoOfBytes) {
  OutputQueue queue;
  EXPECT_TRUE(queue.empty());
  append(queue, "one ");
  append(queue, "");
  append(queue, "two");
  EXPECT_EQ(queue.size(), 7u);
  EXPECT_EQ(gathered(queue, 8), "one two");
  queue.consume(5);
  EXPECT_EQ(gathered(queue, 8), "wo");
  append(queue, " three");
  EXPECT_EQ(gathered(queue, 8), "wo three");
  queue.consume(8);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(gathered(queue, 8), "");
}

TEST(OutputQueue, KeepsTheOrderAcrossBlocks) {
  OutputQueue queue;
  const std::string nearlyABlock(OutputQueue::kBlockBytes - 1, 'a');
  append(queue, nearlyABlock);
  append(queue, "bc");
  append(queue, std::string(3 * OutputQueue::kBlockBytes, 'd'));
  append(queue, "e");
  EXPECT_EQ(gathered(queue, 64), nearlyABlock + "bc" + std::string(3 * OutputQueue::kBlockBytes, 'd') + "e");
  queue.consume(nearlyABlock.size() + 1);
  EXPECT_EQ(gathered(queue, 1),
            "c" + std::string(OutputQueue::kBlockBytes - 1, 'd').substr(0, gathered(queue, 1).size() - 1));
}

TEST(OutputQueue, AgreesWithAString) {
  for (uint32_t seed = 0; seed < 200; seed++) {
    std::mt19937 random(seed);
    OutputQueue queue;
    std::string model;
    for (int step = 0; step < 100; step++) {
      if (random() % 2 == 0) {
        const std::string text(random() % (random() % 8 == 0 ? 40'000 : 2'000), static_cast<char>('a' + random() % 26));
        append(queue, text);
        model += text;
      } else {
        const size_t taken = random() % (std::min<size_t>(model.size(), 30'000) + 1);
        queue.consume(taken);
        model.erase(0, taken);
      }
      ASSERT_EQ(queue.size(), model.size()) << "seed " << seed;
      const int max = static_cast<int>(1 + random() % 4);
      const std::string front = gathered(queue, max);
      ASSERT_EQ(front, model.substr(0, front.size())) << "seed " << seed;
      ASSERT_TRUE(model.empty() || !front.empty());
    }
  }
}

}  // namespace
}  // namespace sluice
