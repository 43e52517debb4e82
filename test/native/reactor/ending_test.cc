// How connections end: by whose doing, with what reason, and never before their last frame was dealt with.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"

namespace sluice::testing_support {
namespace {

using Frames = std::vector<std::string>;

const Framer kLines(Lines(true, 100));

struct Connected {
  Client client;
  uint32_t slot;
};

Connected connectTo(DrivenReactor& driven, Endpoint& server) {
  Client client(server.listener.address());
  const size_t before = driven.count(EventKind::kConnected);
  EXPECT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) > before; }));
  return {std::move(client), driven.last(EventKind::kConnected).slot};
}

bool untilDisconnected(DrivenReactor& driven, size_t count = 1) {
  return driven.until([&] { return driven.count(EventKind::kDisconnected) >= count; });
}

bool untilEnded(DrivenReactor& driven, Client& client) {
  return driven.until([&] {
    client.receive();
    return client.ended || client.error != 0;
  });
}

TEST(Ending, DeliversTheRestWhenThePeerEnds) {
  DrivenReactor driven;
  Connected peer = connectTo(driven, driven.listen(kLines));
  peer.client.send("a\nrest");
  peer.client.shutdownWrite();
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.frames[peer.slot], (Frames{"a", "rest"}));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
  EXPECT_TRUE(untilEnded(driven, peer.client));
}

// A framing fault is the end of what can be read, not of what is owed: the answers to the frames before it arrive, whatever
// the peer has sent behind it and goes on sending.
TEST(Ending, AnswersTheGoodFramesInFrontOfAFault) {
  DrivenReactor driven;
  driven.onFrame = [&](uint32_t slot, std::string_view frame) { driven.write(slot, std::string(frame) + "!\n"); };
  Connected peer = connectTo(driven, driven.listen(kLines));
  peer.client.send("a\nb\n" + std::string(200'000, 'x'));
  ASSERT_TRUE(driven.until([&] {
    peer.client.receive();
    peer.client.sendSome(std::string(1000, 'y'));  // goes on
    return peer.client.ended || peer.client.error != 0;
  }));
  EXPECT_EQ(peer.client.received, "a!\nb!\n");
  EXPECT_EQ(peer.client.error, 0) << "an end in good order, not a reset";
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kFrameTooLarge);
  EXPECT_EQ(driven.reactor().connection(peer.slot)->fd, -1) << "its slot is free while the socket lingers";
}

TEST(Ending, LingersForABoundedTimeAfterAFault) {
  DrivenReactor driven;
  Connected peer = connectTo(driven, driven.listen(kLines));
  peer.client.send(std::string(101, 'x'));
  ASSERT_TRUE(untilEnded(driven, peer.client));
  EXPECT_TRUE(driven.reactor().needsTick());
  driven.nowMs += 999;
  driven.reactor().tick(driven.nowMs);
  driven.settle();
  EXPECT_EQ(peer.client.sendSome("more"), 4u);
  driven.nowMs += 2;
  driven.reactor().tick(driven.nowMs);
  ASSERT_TRUE(driven.until([&] { return peer.client.sendSome("more") == 0; })) << "nobody is there any more";
  EXPECT_FALSE(driven.reactor().needsTick());
}

TEST(Ending, LingersNoLongerThanThePeer) {
  DrivenReactor driven;
  Connected peer = connectTo(driven, driven.listen(kLines));
  peer.client.send(std::string(101, 'x'));
  ASSERT_TRUE(untilEnded(driven, peer.client));
  EXPECT_TRUE(driven.reactor().needsTick());
  peer.client.close();
  EXPECT_TRUE(driven.until([&] { return !driven.reactor().needsTick(); }));
}

TEST(Ending, SendsTheRepliesBeforeItCloses) {
  DrivenReactor driven;
  driven.onFrame = [&](uint32_t slot, std::string_view frame) { driven.write(slot, std::string(frame) + "!\n"); };
  Connected peer = connectTo(driven, driven.listen(kLines));
  peer.client.send("a\nb\n");
  peer.client.shutdownWrite();
  ASSERT_TRUE(untilEnded(driven, peer.client));
  EXPECT_EQ(peer.client.received, "a!\nb!\n");
}

TEST(Ending, IsReportedAfterTheLastBatchWasReleased) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Connected peer = connectTo(driven, server);
  driven.releaseAtOnce = false;
  peer.client.send("last\n");
  peer.client.close();
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
  driven.settle();
  EXPECT_EQ(driven.count(EventKind::kDisconnected), 0u) << "its batch is still out";
  driven.reactor().release(server);
  EXPECT_TRUE(untilDisconnected(driven));
}

TEST(Ending, ByAResetNamesTheError) {
  DrivenReactor driven;
  Connected peer = connectTo(driven, driven.listen(kLines));
  peer.client.reset();
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kSystem);
  EXPECT_EQ(driven.last(EventKind::kDisconnected).error, ECONNRESET);
}

TEST(Ending, ByAResetNeedsNoReader) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  driven.reactor().setReading(server, false);
  for (const std::string_view unread : {"", "unread\n", "unfini"}) {
    Connected peer = connectTo(driven, server);
    peer.client.send(unread);
    driven.settle();
    peer.client.reset();
    driven.events.clear();
    ASSERT_TRUE(untilDisconnected(driven)) << unread;
    EXPECT_EQ(driven.last(EventKind::kDisconnected).error, ECONNRESET) << unread;
    EXPECT_EQ(server.openConnections, 0u);
  }
  EXPECT_EQ(driven.frameCount, 0u);
  EXPECT_EQ(server.stats.faults, 3u);
}

TEST(Ending, ByAResetOfWhatTheReaderLeft) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  driven.releaseAtOnce = false;
  Connected reset = connectTo(driven, server);
  Connected ended = connectTo(driven, server);
  reset.client.send("a\n");
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
  reset.client.send("b\n");  // behind a batch that is out
  ended.client.send("c\n");
  reset.client.reset();
  ended.client.close();
  driven.settle();
  EXPECT_EQ(driven.count(EventKind::kDisconnected), 0u);
  driven.reactor().setReading(server, false);
  driven.reactor().release(server);
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).slot, reset.slot);
  driven.settle();
  EXPECT_EQ(server.openConnections, 1u) << "an orderly end waits behind its data";
  driven.releaseAtOnce = true;
  driven.reactor().setReading(server, true);
  ASSERT_TRUE(untilDisconnected(driven, 2));
  EXPECT_EQ(driven.frames[ended.slot], (Frames{"c"}));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
}

TEST(Ending, InGoodOrderWaitsUnreadAndCostsNoTurns) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  driven.reactor().setReading(server, false);
  Connected peer = connectTo(driven, server);
  peer.client.send("unread\nrest");
  peer.client.close();
  driven.settle();
  pollfd readiness{.fd = driven.reactor().descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&readiness, 1, 20), 0);
  EXPECT_FALSE(driven.reactor().hasWork());
  EXPECT_EQ(server.openConnections, 1u);
  driven.reactor().setReading(server, true);
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.frames[peer.slot], (Frames{"unread", "rest"}));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
}

TEST(Ending, ForAFaultLeavesTheOthersAlone) {
  struct Fault {
    Framer framer;
    std::string stream;
    CloseReason reason;
  };
  const Fault faults[] = {
      {Framer(Lines(true, 8)), "good\n123456789", CloseReason::kFrameTooLarge},
      {Framer(LengthPrefixed(4, false, false, 8)), std::string("\xff\xff\xff\xff"), CloseReason::kFrameTooLarge},
      {Framer(LengthPrefixed(1, false, true, 8)), std::string("\0", 1), CloseReason::kFrameMalformed},
      {Framer(VarintPrefixed(8)), std::string(11, '\xff'), CloseReason::kFrameMalformed},
      {Framer(Fixed(4)), "abcdef", CloseReason::kFrameTruncated},
      {Framer(Delimited("|", 8)), "a|b", CloseReason::kFrameTruncated},
  };
  for (const Fault& fault : faults) {
    DrivenReactor driven;
    Endpoint& server = driven.listen(fault.framer);
    Connected good = connectTo(driven, server);
    Connected bad = connectTo(driven, server);
    bad.client.send(fault.stream);
    bad.client.shutdownWrite();
    ASSERT_TRUE(untilDisconnected(driven));
    EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, fault.reason);
    EXPECT_EQ(driven.last(EventKind::kDisconnected).slot, bad.slot);
    EXPECT_EQ(server.stats.faults, 1u);
    EXPECT_EQ(server.connectionCount, 1u);
    EXPECT_EQ(server.heldBytes(), 0u);
    driven.settle();
    EXPECT_EQ(driven.count(EventKind::kDisconnected), 1u);
  }
}

TEST(Ending, CanBeHalf) {
  DrivenReactor driven;
  EndpointOptions options;
  options.allowHalfOpen = true;
  Connected peer = connectTo(driven, driven.listen(kLines, options));
  peer.client.send("question\n");
  peer.client.shutdownWrite();
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
  driven.settle();
  EXPECT_EQ(driven.count(EventKind::kDisconnected), 0u);
  driven.write(peer.slot, "late answer\n");
  driven.reactor().end(*driven.reactor().connection(peer.slot));
  ASSERT_TRUE(untilEnded(driven, peer.client));
  EXPECT_EQ(peer.client.received, "late answer\n");
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
}

TEST(Ending, OfTheWritingSideLetsThePeerGoOn) {
  DrivenReactor driven;
  EndpointOptions options;
  options.allowHalfOpen = true;
  Connected peer = connectTo(driven, driven.listen(kLines, options));
  driven.reactor().end(*driven.reactor().connection(peer.slot));
  ASSERT_TRUE(untilEnded(driven, peer.client));
  peer.client.send("still here\n");
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
  peer.client.close();
  EXPECT_TRUE(untilDisconnected(driven));
}

TEST(Ending, ByTheProgramDropsWhatIsQueued) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Connected peer = connectTo(driven, server);
  driven.write(peer.slot, std::string(8 << 20, 'x'));
  ASSERT_GT(server.queuedOutput, 0u);
  driven.reactor().destroy(*driven.reactor().connection(peer.slot));
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kDestroyed);
  EXPECT_EQ(server.queuedOutput, 0u);
  EXPECT_TRUE(untilEnded(driven, peer.client));
}

TEST(Ending, OfAnEndpointIsItsLastWord) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  const uint32_t id = server.id;
  std::vector<Connected> peers;
  for (int i = 0; i < 5; i++) peers.push_back(connectTo(driven, server));
  peers[0].client.send("unfinished");
  driven.settle();
  driven.reactor().closeEndpoint(server, CloseReason::kListenerClosed);
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kEndpointClosed) == 1; }));
  EXPECT_EQ(driven.count(EventKind::kDisconnected), peers.size());
  EXPECT_EQ(driven.events.back().kind, EventKind::kEndpointClosed);
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kListenerClosed);
  EXPECT_EQ(driven.reactor().endpoint(id), nullptr);
  for (Connected& peer : peers) EXPECT_TRUE(untilEnded(driven, peer.client));
}

TEST(Ending, OfADrainSparesWhatIsInFlight) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Connected idle = connectTo(driven, server);
  Connected busy = connectTo(driven, server);
  busy.client.send("half a li");
  driven.settle();
  driven.reactor().closeListener(server);
  driven.reactor().drain(server, 100, driven.nowMs);
  EXPECT_TRUE(driven.reactor().needsTick());
  driven.reactor().tick(driven.nowMs += 99);
  driven.settle();
  EXPECT_EQ(driven.count(EventKind::kDisconnected), 0u);  // nobody was silent for so long
  driven.reactor().tick(driven.nowMs += 1);               // silence begins
  driven.reactor().tick(driven.nowMs += 100);
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).slot, idle.slot);
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kDrained);
  busy.client.send("ne\n");
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
  for (int sweeps = 0; sweeps < 2; sweeps++) driven.reactor().tick(driven.nowMs += 100);
  ASSERT_TRUE(untilDisconnected(driven, 2));
  EXPECT_EQ(driven.frames[busy.slot], (Frames{"half a line"}));
}

TEST(Ending, OfADrainWithoutAQuietTimeTakesWhatIsIdleAtOnce) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Connected idle = connectTo(driven, server);
  driven.settle();
  driven.reactor().drain(server, 0, driven.nowMs);
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kDrained);
}

TEST(Ending, OfADrainStopsWhenItIsCalledOff) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Connected idle = connectTo(driven, server);
  driven.settle();
  driven.reactor().drain(server, 10, driven.nowMs);
  driven.reactor().stopDraining(server);
  EXPECT_FALSE(driven.reactor().needsTick());
  for (int ticks = 0; ticks < 5; ticks++) driven.reactor().tick(driven.nowMs += 100);
  driven.settle();
  EXPECT_EQ(driven.count(EventKind::kDisconnected), 0u);
}

TEST(Ending, OfThePeerIsNoticedThoughTheConnectionIsPaused) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Connected peer = connectTo(driven, server);
  driven.reactor().pause(*driven.reactor().connection(peer.slot), true);
  peer.client.send("unread\n");
  driven.settle();
  EXPECT_EQ(driven.frameCount, 0u);
  driven.reactor().pause(*driven.reactor().connection(peer.slot), false);
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
  driven.reactor().pause(*driven.reactor().connection(peer.slot), true);
  peer.client.close();
  ASSERT_TRUE(untilDisconnected(driven));
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
}

TEST(Ending, FreesTheSlotForANewTenantOnly) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  uint32_t slot = 0;
  {
    Connected first = connectTo(driven, server);
    slot = first.slot;
    first.client.send("first\n");
  }
  ASSERT_TRUE(untilDisconnected(driven));
  driven.write(slot, "to nobody\n");
  Connected second = connectTo(driven, server);
  ASSERT_EQ(second.slot, slot);
  driven.write(slot, "to the second\n");
  ASSERT_TRUE(driven.until([&] {
    second.client.receive();
    return !second.client.received.empty();
  }));
  EXPECT_EQ(second.client.received, "to the second\n");
}

}  // namespace
}  // namespace sluice::testing_support
