// Connections whose bytes pass a layer between socket and framing: the reactor's side of the contract in transport.h.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"
#include "support/record_layer.h"

namespace sluice::testing_support {
namespace {

const Framer kLines(Lines(true, 1 << 20));

class TransportTest : public testing::Test {
 protected:
  void listen() {
    EndpointOptions options;
    options.transports = Ref<RecordLayers>::make();
    server_ = &driven_.listen(kLines, options);
  }
  Client greet(int receiveBuffer = 0) {
    Client client(server_->listener.address(), receiveBuffer);
    client.send("H");
    EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) > 0; }));
    slot_ = driven_.last(EventKind::kConnected).slot;
    return client;
  }
  Connection& connection() { return *driven_.reactor().connection(slot_); }

  DrivenReactor driven_;
  Endpoint* server_ = nullptr;
  uint32_t slot_ = 0;
};

TEST_F(TransportTest, SpeaksOfAConnectionOnlyAfterTheHandshake) {
  listen();
  Client client(server_->listener.address());
  driven_.settle();
  EXPECT_EQ(driven_.count(EventKind::kConnected), 0u);
  EXPECT_EQ(server_->openConnections, 1u);
  client.send("H" + record("first\n"));  // the first frame comes with the handshake's last byte
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  EXPECT_EQ(driven_.count(EventKind::kConnected), 1u);
  client.receive();
  EXPECT_EQ(client.received, "H");
}

TEST_F(TransportTest, SaysInTheLayersWordsWhyAHandshakeFailed) {
  listen();
  Client client(server_->listener.address());
  client.send("GET / HTTP/1.1\r\n");
  std::string words;
  ASSERT_TRUE(driven_.until([&] {
    for (uint32_t slot = 0; slot < driven_.reactor().slotCapacity(); slot++) {
      const auto said = driven_.reactor().connection(slot)->transport().failure();
      if (!said.empty()) words = said;
    }
    return driven_.count(EventKind::kRefused) == 1;
  }));
  EXPECT_EQ(driven_.last(EventKind::kRefused).reason, CloseReason::kTransport);
  EXPECT_EQ(driven_.last(EventKind::kRefused).error, 0);
  EXPECT_EQ(driven_.count(EventKind::kConnected) + driven_.count(EventKind::kDisconnected), 0u);
  EXPECT_EQ(server_->stats.faults, 1u);
  EXPECT_EQ(server_->connectionCount, 0u);
}

TEST_F(TransportTest, FindsAllFramesHoweverRecordsAndReadsLie) {
  listen();
  Client client = greet();
  std::string expected;
  std::vector<std::string> lines;
  for (int i = 0; i < 300; i++) {
    lines.push_back(std::to_string(i) + std::string(static_cast<size_t>(i * 37 % 700), 'x'));
    expected += lines.back() + "\n";
  }
  for (size_t at = 0, step = 1; at < expected.size(); at += step, step = step * 7 % 997 + 1) {
    std::string wire = record(std::string_view(expected).substr(at, step));
    while (!wire.empty()) {
      wire.erase(0, client.sendSome(wire));
      driven_.turn(0);
    }
  }
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == lines.size(); }));
  EXPECT_EQ(driven_.frames[slot_], lines);
}

TEST_F(TransportTest, GivesOutWhatTheLayerHoldsWhenReadingGoesOn) {
  listen();
  Client client = greet();
  driven_.reactor().hold(connection(), true);
  client.send(record("one\n") + record("two\n"));
  driven_.settle();
  EXPECT_EQ(driven_.frameCount, 0u);
  driven_.reactor().hold(connection(), false);
  EXPECT_TRUE(driven_.until([&] { return driven_.frameCount == 2; }));
}

TEST_F(TransportTest, SendsWhatTheLayerHoldsWhenThereIsRoom) {
  listen();
  Client client = greet(4096);
  const std::string all(4'000'000, 'r');
  driven_.write(slot_, all);
  driven_.reactor().end(connection());
  EXPECT_GT(connection().outputBytes(), 0u);
  std::string text;
  bool more = true;
  ASSERT_TRUE(driven_.until([&] {
    client.receive();
    if (client.received.starts_with('H')) client.received.erase(0, 1);
    more = openRecords(client.received, text);
    return !more;
  }));
  EXPECT_EQ(text, all);
  client.send(record("bye\n") + record(""));
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
  EXPECT_EQ(driven_.frames[slot_].back(), "bye");
  EXPECT_EQ(server_->queuedOutput, 0u);
}

TEST_F(TransportTest, TellsACutStreamFromAnEndedOne) {
  listen();
  Client client = greet();
  client.send(record("half"));
  client.shutdownWrite();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kTransport);
}

TEST_F(TransportTest, ConnectsThroughALayer) {
  listen();
  int error = 0;
  EndpointOptions options;
  options.transports = Ref<RecordLayers>::make();
  Endpoint* client = driven_.reactor().connect(server_->listener.address(), kLines, options, error);
  ASSERT_NE(client, nullptr);
  driven_.reactor().setReading(*client, true);
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 2; }));
  for (const Event& event : driven_.events) {
    if (event.kind == EventKind::kConnected && event.endpoint == client->id) driven_.write(event.slot, "hello\n");
  }
  EXPECT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
}

}  // namespace
}  // namespace sluice::testing_support
