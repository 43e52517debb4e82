// Limits in time, on a clock that the test moves: what closes a connection, what pauses it, and what must not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"
#include "support/record_layer.h"

namespace sluice::testing_support {
namespace {

const Framer kLines(Lines(true, 1 << 20));

class TimingTest : public testing::Test {
 protected:
  Client connect(const EndpointLimits& limits, Overflow overflow = Overflow::kPause) {
    EndpointOptions options;
    options.limits = limits;
    options.overflow = overflow;
    server_ = &driven_.listen(kLines, options);
    Client client(server_->listener.address());
    EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
    slot_ = driven_.last(EventKind::kConnected).slot;
    return client;
  }
  Connection& connection() { return *driven_.reactor().connection(slot_); }
  /// In steps, as an owner does who calls tick() when it is wanted.
  void pass(uint64_t ms) {
    const uint64_t end = driven_.nowMs + ms;
    while (driven_.nowMs < end) {
      const uint64_t next = driven_.reactor().tickAtMs();
      driven_.nowMs = std::min(end, std::max(driven_.nowMs + 1, next));
      if (driven_.reactor().tickAtMs() <= driven_.nowMs) driven_.reactor().tick(driven_.nowMs);
      driven_.turn(0);
    }
  }
  bool isClosed() { return driven_.count(EventKind::kDisconnected) == 1; }
  CloseReason reason() { return driven_.last(EventKind::kDisconnected).reason; }
  /// Sends and has it read.
  void send(Client& client, std::string_view text) {
    const uint64_t before = server_->stats.bytesIn;
    client.send(text);
    EXPECT_TRUE(driven_.until([&] { return server_->stats.bytesIn == before + text.size(); }));
  }

  DrivenReactor driven_;
  Endpoint* server_ = nullptr;
  uint32_t slot_ = 0;
};

TEST_F(TimingTest, ClosesASilentConnection) {
  Client client = connect({.idleMs = 1000});
  pass(900);
  send(client, "a\n");
  pass(999);
  EXPECT_FALSE(isClosed());
  driven_.write(slot_, "our own traffic counts too");
  pass(999);
  EXPECT_FALSE(isClosed());
  pass(2);
  ASSERT_TRUE(isClosed());
  EXPECT_EQ(reason(), CloseReason::kIdleTimeout);
  EXPECT_FALSE(connection().timers);
}

TEST_F(TimingTest, DoesNotCallAConnectionSilentThatNobodyReads) {
  Client client = connect({.idleMs = 1000});
  driven_.reactor().setReading(*server_, false);
  client.send("a\n");
  pass(10'000);
  EXPECT_FALSE(isClosed());
  driven_.reactor().setReading(*server_, true);
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  pass(999);
  EXPECT_FALSE(isClosed());
  pass(2);
  EXPECT_TRUE(isClosed());
}

TEST_F(TimingTest, LooksAtThePollerBeforeItCloses) {
  Client client = connect({.idleMs = 1000});
  client.send("a\n");  // and the reactor's thread was held up meanwhile
  driven_.nowMs += 5000;
  driven_.reactor().tick(driven_.nowMs);
  driven_.turn(0);
  EXPECT_FALSE(isClosed());
  EXPECT_EQ(driven_.frameCount, 1u);
}

TEST_F(TimingTest, WantsAFirstFrameInTime) {
  Client client = connect({.firstFrameMs = 1000});
  pass(500);
  send(client, "half");
  pass(501);
  ASSERT_TRUE(isClosed());
  EXPECT_EQ(reason(), CloseReason::kFirstFrameTimeout);
}

TEST_F(TimingTest, WantsNoSecondFrameInTime) {
  Client client = connect({.firstFrameMs = 1000});
  send(client, "whole\n");
  pass(10'000);
  EXPECT_FALSE(isClosed());
}

TEST_F(TimingTest, ClosesAFrameThatBeganAndDoesNotEnd) {
  Client client = connect({.frameMs = 1000});
  pass(5000);
  for (int i = 0; i < 9; i++) {  // a byte now and then does not help
    send(client, "x");
    pass(100);
  }
  EXPECT_FALSE(isClosed());
  send(client, "\n");
  send(client, "y");
  pass(999);
  EXPECT_FALSE(isClosed()) << "each frame has its own time";
  pass(2);
  ASSERT_TRUE(isClosed());
  EXPECT_EQ(reason(), CloseReason::kFrameTimeout);
}

TEST_F(TimingTest, DoesNotCountTheTimeForWhichBytesLayUnread) {
  Client client = connect({.frameMs = 1000});
  send(client, "x");
  pass(500);
  driven_.reactor().hold(connection(), true);
  client.send("y");
  driven_.settle();
  pass(60'000);
  driven_.reactor().hold(connection(), false);
  driven_.settle();
  pass(400);
  EXPECT_FALSE(isClosed());
  pass(200);
  ASSERT_TRUE(isClosed());
  EXPECT_EQ(reason(), CloseReason::kFrameTimeout);
}

TEST_F(TimingTest, ClosesAPeerThatTrickles) {
  Client client = connect({.bytesPerSecondMin = 100});
  send(client, "a whole line, then silence\n");
  pass(20'000);
  EXPECT_FALSE(isClosed()) << "silence between frames is not slow";
  for (int i = 0; i < 40; i++) {
    send(client, std::string(21, 'x'));  // 105 bytes a second
    pass(200);
  }
  EXPECT_FALSE(isClosed());
  for (int i = 0; i < 5 && !isClosed(); i++) {
    client.send("x");
    pass(1000);
  }
  ASSERT_TRUE(isClosed());
  EXPECT_EQ(reason(), CloseReason::kTooSlow);
}

TEST_F(TimingTest, PausesAPeerThatSendsTooManyFrames) {
  Client client = connect({.framesPerSecond = 10, .frameBurst = 5});
  std::string lines;
  for (int i = 0; i < 30; i++) lines += std::to_string(i) + "\n";
  client.send(lines);
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 5; }));
  driven_.settle();
  EXPECT_EQ(driven_.frameCount, 5u);
  pass(1000);
  EXPECT_EQ(driven_.frameCount, 15u);
  pass(1500);
  EXPECT_EQ(driven_.frameCount, 30u);
  EXPECT_EQ(driven_.frames[slot_].back(), "29");
  pass(10'000);
  client.send(lines);
  driven_.settle();
  EXPECT_EQ(driven_.frameCount, 35u) << "no more than a burst is saved up";
  EXPECT_FALSE(isClosed());
}

TEST_F(TimingTest, ClosesAPeerThatSendsTooManyFramesWhereThatIsChosen) {
  Client client = connect({.framesPerSecond = 10, .frameBurst = 5, .closesOverRate = true});
  send(client, "1\n2\n3\n4\n5\n");
  driven_.settle();
  EXPECT_FALSE(isClosed());
  client.send("6\n");
  ASSERT_TRUE(driven_.until([&] { return isClosed(); }));
  EXPECT_EQ(reason(), CloseReason::kFrameRate);
}

TEST_F(TimingTest, RefusesAHandshakeThatTakesTooLong) {
  EndpointOptions options;
  options.transports = Ref<RecordLayers>::make();
  server_ = &driven_.listen(kLines, options);
  Client client(server_->listener.address());
  driven_.settle();
  pass(9'999);
  EXPECT_EQ(driven_.count(EventKind::kRefused), 0u);
  pass(2);
  ASSERT_EQ(driven_.count(EventKind::kRefused), 1u);
  EXPECT_EQ(driven_.last(EventKind::kRefused).reason, CloseReason::kHandshakeTimeout);
}

TEST_F(TimingTest, DropsAndCountsWhatComesWhileTheConsumerIsBehind) {
  driven_.releaseAtOnce = false;
  Client client = connect({}, Overflow::kDropNewest);
  client.send("first\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  client.send("waits\n");
  driven_.settle();
  pass(99);
  EXPECT_EQ(server_->stats.dropped, 0u) << "a moment is not behind";
  pass(2);
  EXPECT_EQ(server_->stats.dropped, 1u);
  client.send("dropped\nhalf");
  driven_.settle();
  pass(20);
  EXPECT_EQ(server_->stats.dropped, 2u);
  driven_.reactor().release(*server_);
  client.send(" and half\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 2; }));
  EXPECT_EQ(driven_.frames[slot_].back(), "half and half");
}

TEST_F(TimingTest, ClosesWhoSendsWhileTheConsumerIsBehindWhereThatIsChosen) {
  driven_.releaseAtOnce = false;
  Client client = connect({}, Overflow::kDisconnect);
  client.send("first\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  client.send("second\n");
  driven_.settle();
  pass(101);
  driven_.reactor().release(*server_);
  ASSERT_TRUE(driven_.until([&] { return isClosed(); }));
  EXPECT_EQ(reason(), CloseReason::kOverflow);
}

}  // namespace
}  // namespace sluice::testing_support
