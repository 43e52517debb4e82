// From replies to the wire: order, peers that don't take their output, and outgoing connections.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"

namespace sluice::testing_support {
namespace {

const Framer kLines(Lines(true, 1 << 20));
constexpr int kSmallReceiveBuffer = 4096;

class WritingTest : public testing::Test {
 protected:
  Client connect(int receiveBuffer = 0) {
    Client client(server_->listener.address(), receiveBuffer);
    const size_t before = driven_.count(EventKind::kConnected);
    EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) > before; }));
    slot_ = driven_.last(EventKind::kConnected).slot;
    return client;
  }
  void listen(const EndpointOptions& options = {}) { server_ = &driven_.listen(kLines, options); }
  Connection& connection() { return *driven_.reactor().connection(slot_); }
  /// Writes until the peer's end and ours are full and something had to be queued.
  std::string fillUp() {
    std::string all;
    while (connection().outputBytes() == 0) {
      const std::string more(32 * 1024, static_cast<char>('a' + all.size() / (32 * 1024) % 26));
      driven_.write(slot_, more);
      all += more;
    }
    return all;
  }

  DrivenReactor driven_;
  Endpoint* server_ = nullptr;
  uint32_t slot_ = 0;
};

TEST_F(WritingTest, SortsPiecesByConnectionAndKeepsTheirOrder) {
  listen();
  std::vector<Client> clients;
  std::vector<uint32_t> slots;
  for (int i = 0; i < 3; i++) {
    clients.push_back(connect());
    slots.push_back(slot_);
  }
  std::string bytes;
  std::vector<OutputPiece> pieces;
  std::string expected[3];
  for (int i = 0; i < 600; i++) {  // more pieces than one sendmsg takes
    const std::string text = std::to_string(i) + " ";
    const size_t which = static_cast<size_t>(i * 7 % 3);
    const auto start = static_cast<int32_t>(bytes.size());
    pieces.push_back({static_cast<int32_t>(slots[which]), start, start + static_cast<int32_t>(text.size())});
    bytes += text;
    expected[which] += text;
  }
  pieces.push_back({static_cast<int32_t>(slots[0]), 0, 0});
  driven_.reactor().write(pieces.data(), static_cast<uint32_t>(pieces.size()),
                          reinterpret_cast<const uint8_t*>(bytes.data()));
  for (size_t i = 0; i < 3; i++) {
    ASSERT_TRUE(driven_.until([&] {
      clients[i].receive();
      return clients[i].received.size() >= expected[i].size();
    }));
    EXPECT_EQ(clients[i].received, expected[i]);
  }
}

TEST_F(WritingTest, QueuesWhatThePeerDoesNotTakeAndSaysWhenItIsOut) {
  EndpointOptions options;
  options.limits.outputBytes = 64 << 20;
  listen(options);
  Client client = connect(kSmallReceiveBuffer);
  std::string all = fillUp();
  for (int i = 0; i < 20; i++) {
    const std::string more(100'000, static_cast<char>('A' + i));
    driven_.write(slot_, more);
    all += more;
  }
  EXPECT_TRUE(driven_.reactor().watchDrain(connection()));
  EXPECT_TRUE(driven_.reactor().needsTick());
  driven_.settle();
  EXPECT_EQ(driven_.count(EventKind::kDrained), 0u);
  ASSERT_TRUE(driven_.until([&] {
    client.receive();
    return client.received.size() == all.size();
  }));
  EXPECT_EQ(client.received, all);
  EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDrained) == 1; }));
  EXPECT_EQ(server_->queuedOutput, 0u);
  EXPECT_EQ(server_->stats.bytesOut, all.size());
  EXPECT_FALSE(driven_.reactor().watchDrain(connection())) << "nothing is queued any more";
  EXPECT_FALSE(driven_.reactor().needsTick());
}

TEST_F(WritingTest, AsksNobodyForMoreWhoDoesNotTakeAnswers) {
  EndpointOptions options;
  options.limits.outputHighWater = 64 * 1024;
  listen(options);
  Client client = connect(kSmallReceiveBuffer);
  fillUp();
  driven_.write(slot_, std::string(200'000, 'x'));
  client.send("another question\n");
  driven_.settle();
  EXPECT_EQ(driven_.frameCount, 0u);
  ASSERT_TRUE(driven_.until([&] {
    client.receive();
    return driven_.frameCount == 1;
  })) << "it is read once its peer has caught up";
}

TEST_F(WritingTest, EndsAConnectionThatIsWrittenToBeyondItsLimit) {
  EndpointOptions options;
  options.limits.outputBytes = 100'000;
  listen(options);
  Client client = connect(kSmallReceiveBuffer);
  fillUp();
  driven_.write(slot_, std::string(200'000, 'x'));
  driven_.settle();
  EXPECT_EQ(driven_.count(EventKind::kDisconnected), 0u) << "the write that goes over the limit is still taken";
  driven_.write(slot_, "x");
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kOutputLimit);
  EXPECT_EQ(server_->queuedOutput, 0u);
}

TEST_F(WritingTest, EndsAConnectionThatTakesNothingForTooLong) {
  EndpointOptions options;
  options.limits.outputStallMs = 1000;
  listen(options);
  Client client = connect(kSmallReceiveBuffer);
  fillUp();
  driven_.settle();
  const auto tickAt = [&](uint64_t nowMs) {
    driven_.nowMs = nowMs;
    driven_.reactor().tick(nowMs);
    driven_.settle();
  };
  tickAt(1000);
  tickAt(1999);
  EXPECT_EQ(driven_.count(EventKind::kDisconnected), 0u);
  tickAt(2100);
  ASSERT_EQ(driven_.count(EventKind::kDisconnected), 1u);
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kOutputStalled);
}

TEST_F(WritingTest, SendsFinBehindTheOutput) {
  listen();
  Client client = connect(kSmallReceiveBuffer);
  const std::string all = fillUp();
  driven_.reactor().end(connection());
  driven_.write(slot_, "after the end");
  ASSERT_TRUE(driven_.until([&] {
    client.receive();
    return client.ended;
  }));
  EXPECT_EQ(client.received, all);
}

TEST_F(WritingTest, KeepsAGaugeOfWhatIsQueued) {
  listen();
  std::vector<uint32_t> gauge(driven_.reactor().slotCapacity() + 64, 7);
  driven_.reactor().setOutputGauge(gauge.data(), static_cast<uint32_t>(gauge.size()));
  Client client = connect(kSmallReceiveBuffer);
  EXPECT_EQ(gauge[slot_], 0u);
  const std::string all = fillUp();
  EXPECT_EQ(gauge[slot_], connection().outputBytes());
  ASSERT_TRUE(driven_.until([&] {
    client.receive();
    return client.received.size() == all.size();
  }));
  EXPECT_TRUE(driven_.until([&] { return gauge[slot_] == 0; }));
}

TEST_F(WritingTest, ConnectsAndSendsWhatWasWrittenBefore) {
  listen();
  driven_.onFrame = [&](uint32_t slot, std::string_view frame) {
    if (frame == "ping") driven_.write(slot, "pong\n");
  };
  int error = 0;
  Endpoint* peer = driven_.reactor().connect(server_->listener.address(), kLines, {}, error);
  ASSERT_NE(peer, nullptr);
  driven_.reactor().setReading(*peer, true);
  const uint32_t slot = peer->connections.front()->slot;
  driven_.write(slot, "ping\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frames[slot] == std::vector<std::string>{"pong"}; }));
  EXPECT_EQ(driven_.count(EventKind::kConnected), 2u);
}

TEST_F(WritingTest, SaysWhyItCannotConnect) {
  listen();
  const SocketAddress address = server_->listener.address();
  driven_.reactor().closeEndpoint(*server_, CloseReason::kListenerClosed);
  int error = 0;
  Endpoint* peer = driven_.reactor().connect(address, kLines, {}, error);
  if (peer == nullptr) {
    EXPECT_EQ(error, ECONNREFUSED);
    return;
  }
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnectFailed) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kConnectFailed).error, ECONNREFUSED);
  EXPECT_EQ(driven_.count(EventKind::kDisconnected), 0u);
}

}  // namespace
}  // namespace sluice::testing_support
