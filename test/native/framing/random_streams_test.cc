// 10,000 random streams for each framing, cut at random points into batches of random size: the frames and the end must
// be those that a plain parser finds in the whole.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "framing/framer.h"
#include "support/fed_stream.h"
#include "support/random_stream.h"
#include "support/reference_framing.h"

namespace sluice::testing_support {
namespace {

constexpr int kStreams = 10'000;

class EveryFraming : public testing::TestWithParam<FramingUnderTest> {};

TEST_P(EveryFraming, AgreesWithAPlainParser) {
  const FramingUnderTest& framing = GetParam();
  int inOrder = 0;
  for (int seed = 0; seed < kStreams; seed++) {
    std::mt19937 random(static_cast<uint32_t>(seed));
    const std::string stream = randomStream(random, framing);
    FedStream fed(framing.framer, 1 + random() % 8);
    for (const std::string_view piece : randomPieces(random, stream)) fed.feed(piece);
    const Parsed expected = framing.reference(stream);
    ASSERT_EQ(fed.finish(), expected) << "seed " << seed;
    inOrder += expected.end == StreamEnd::kInOrder ? 1 : 0;
  }
  EXPECT_GT(inOrder, kStreams / 10) << "hardly a stream was good: the test would see little";
}

INSTANTIATE_TEST_SUITE_P(RandomStreams, EveryFraming, testing::ValuesIn(framingsUnderTest()),
                         [](const auto& framing) { return framing.param.name; });

}  // namespace
}  // namespace sluice::testing_support
