// Random streams through real sockets, several connections at a time, arenas and tables of random size: each connection's
// frames and its end must be those that a plain parser finds in its stream.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"
#include "support/random_stream.h"
#include "support/reference_framing.h"

namespace sluice::testing_support {
namespace {

constexpr int kRounds = 40;
constexpr int kAtOnce = 10;

StreamEnd endOf(CloseReason reason) {
  switch (reason) {
    case CloseReason::kPeerEnded:
      return StreamEnd::kInOrder;
    case CloseReason::kFrameTooLarge:
      return StreamEnd::kTooLarge;
    case CloseReason::kFrameMalformed:
      return StreamEnd::kMalformed;
    case CloseReason::kFrameTruncated:
      return StreamEnd::kTruncated;
    default:
      ADD_FAILURE() << "ended with reason " << static_cast<int>(reason);
      return StreamEnd::kInOrder;
  }
}

struct Sender {
  Client client;
  uint32_t slot;
  std::string stream;
  std::vector<std::string_view> pieces;
  size_t next = 0;
};

class EveryFraming : public testing::TestWithParam<FramingUnderTest> {};

TEST_P(EveryFraming, AgreesWithAPlainParserOverSockets) {
  const FramingUnderTest& framing = GetParam();
  for (uint32_t round = 0; round < kRounds; round++) {
    std::mt19937 random(round);
    const uint32_t table = random() % 2 == 0 ? 4096 : 1 + random() % 20;
    DrivenReactor driven(kMinArenaBytes + random() % 10'000, table);
    Endpoint& server = driven.listen(framing.framer);
    std::vector<Sender> senders;
    senders.reserve(kAtOnce);  // the pieces point into the streams
    for (size_t i = 0; i < kAtOnce; i++) {
      Client client(server.listener.address());
      ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == i + 1; }));
      senders.push_back(
          {std::move(client), driven.last(EventKind::kConnected).slot, randomStream(random, framing), {}});
      senders.back().pieces = randomPieces(random, senders.back().stream);
    }
    // In any order, with turns in between; a connection that was closed takes no more.
    for (size_t open = senders.size(); open > 0;) {
      Sender& sender = senders[random() % senders.size()];
      if (sender.next > sender.pieces.size()) continue;
      if (sender.next == sender.pieces.size()) {
        sender.client.shutdownWrite();
        open--;
      } else {
        sender.client.sendSome(sender.pieces[sender.next]);
      }
      sender.next++;
      if (random() % 2 == 0) driven.turn(0);
    }
    ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kDisconnected) == senders.size(); }));
    std::map<uint32_t, CloseReason> reasons;
    for (const Event& event : driven.events) {
      if (event.kind == EventKind::kDisconnected) reasons[event.slot] = event.reason;
    }
    for (const Sender& sender : senders) {
      const Parsed seen{driven.frames[sender.slot], endOf(reasons[sender.slot])};
      ASSERT_EQ(seen.frames, framing.reference(sender.stream).frames) << "round " << round;
      ASSERT_EQ(seen.end, framing.reference(sender.stream).end) << "round " << round;
    }
    EXPECT_EQ(server.heldBytes(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(RandomConnections, EveryFraming, testing::ValuesIn(framingsUnderTest()),
                         [](const auto& framing) { return framing.param.name; });

}  // namespace
}  // namespace sluice::testing_support
