// From sockets to frames: splits, budgets, credit and frames larger than the arena.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"

namespace sluice::testing_support {
namespace {

using Frames = std::vector<std::string>;

const Framer kLines(Lines(true, 1 << 20));

/// Sends `text` while the reactor takes it, however little fits at a time.
void pump(DrivenReactor& driven, Client& client, std::string_view text) {
  ASSERT_TRUE(driven.until([&] {
    text.remove_prefix(client.sendSome(text));
    return text.empty();
  }));
}

TEST(Reading, KeepsConnectionsApart) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  std::vector<Client> clients;
  for (int i = 0; i < 20; i++) clients.emplace_back(server.listener.address());
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == clients.size(); }));
  for (size_t i = 0; i < clients.size(); i++) clients[i].send("a" + std::to_string(i) + "\nb");
  for (size_t i = 0; i < clients.size(); i++) clients[i].send(std::to_string(i) + "\n");
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 2 * clients.size(); }));
  std::set<std::string> seen;
  for (const auto& [slot, frames] : driven.frames) {
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].substr(1), frames[1].substr(1)) << "both lines of one client";
    seen.insert(frames[0]);
  }
  EXPECT_EQ(seen.size(), clients.size());
}

TEST(Reading, JoinsAFrameCutAtAnyByte) {
  const std::string stream = "one\r\ntwo\nthree\n";
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  for (size_t cut = 1; cut < stream.size(); cut++) {
    Client client(server.listener.address());
    client.send(stream.substr(0, cut));
    driven.settle();
    client.send(stream.substr(cut));
    client.shutdownWrite();
    const size_t before = driven.count(EventKind::kDisconnected);
    ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kDisconnected) > before; }));
    EXPECT_EQ(driven.frames[driven.last(EventKind::kDisconnected).slot], (Frames{"one", "two", "three"}));
  }
}

// A read stops in front of urgent data, short of what was asked for, though more lies behind it.
TEST(Reading, GoesOnBehindUrgentData) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  Client client(server.listener.address());
  client.send("one\n");
  ASSERT_EQ(::send(client.fd(), "!", 1, MSG_OOB), 1);
  client.send("two\n");
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 2; }));
  EXPECT_EQ(driven.frames.begin()->second, (Frames{"one", "two"}));

  // And when the urgent byte comes between the report and the read, or alone.
  client.send("three\n");
  ASSERT_EQ(::send(client.fd(), "!", 1, MSG_OOB), 1);
  driven.settle();
  ASSERT_EQ(::send(client.fd(), "!", 1, MSG_OOB), 1);
  driven.settle();
  client.send("four\n");
  EXPECT_TRUE(driven.until([&] { return driven.frameCount == 4; }));
}

// So does one of a unix socket, in front of a descriptor that was sent along.
TEST(Reading, GoesOnBehindDescriptorsThatAPeerSends) {
  DrivenReactor driven;
  SocketAddress address;
  const std::string path = "/tmp/sluice-reading-" + std::to_string(::getpid()) + ".sock";
  ASSERT_EQ(SocketAddress::fromPath(path, address), 0);
  int error = 0;
  Endpoint* server = driven.reactor().listen(address, {}, kLines, {}, error);
  ASSERT_NE(server, nullptr);
  driven.reactor().setReading(*server, true);
  Client client(address);
  client.send("one\n");
  char control[CMSG_SPACE(sizeof(int))] = {};
  std::string text = "two\n";
  iovec piece{.iov_base = text.data(), .iov_len = text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  *reinterpret_cast<int*>(CMSG_DATA(header)) = client.fd();
  ASSERT_EQ(::sendmsg(client.fd(), &message, 0), 4);
  client.send("three\n");
  EXPECT_TRUE(driven.until([&] { return driven.frameCount == 3; }));
}

TEST(Reading, GrowsTheArenaForAFrameThatIsLarger) {
  DrivenReactor driven(kMinArenaBytes);
  Endpoint& server = driven.listen(kLines);
  Client client(server.listener.address());
  const std::string large(700'000, 'x');
  pump(driven, client, "before\n" + large + "\nafter\n");
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 3; }));
  EXPECT_EQ(driven.frames.begin()->second, (Frames{"before", large, "after"}));
  EXPECT_EQ(server.heldBytes(), 0u);
}

TEST(Reading, GoesOnInTheNextTurnWhenTheTableIsFull) {
  DrivenReactor driven(64 * 1024, 16);
  Endpoint& server = driven.listen(kLines);
  Client client(server.listener.address());
  std::string all;
  Frames expected;
  for (int i = 0; i < 1000; i++) {
    expected.push_back(std::to_string(i));
    all += expected.back() + "\n";
  }
  pump(driven, client, all);
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == expected.size(); }));
  EXPECT_EQ(driven.frames.begin()->second, expected);
  for (const Batch& batch : driven.batches[server.id]) EXPECT_LE(batch.frameCount, 16u);
}

TEST(Reading, GivesEveryConnectionItsTurn) {
  DrivenReactor driven(kMinArenaBytes);
  Endpoint& server = driven.listen(kLines);
  Client loud(server.listener.address());
  Client quiet(server.listener.address());
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == 2; }));
  const std::string line = std::string(99, 'l') + "\n";
  std::string flood;
  for (int i = 0; i < 10'000; i++) flood += line;
  size_t sent = loud.sendSome(flood);
  quiet.send("quiet\n");
  size_t turnsUntilHeard = 0;
  driven.onFrame = [&](uint32_t, std::string_view frame) {
    if (frame == "quiet") turnsUntilHeard = driven.turns;
  };
  const size_t before = driven.turns;
  ASSERT_TRUE(driven.until([&] {
    sent += loud.sendSome(std::string_view(flood).substr(sent));
    return turnsUntilHeard > 0;
  }));
  EXPECT_LE(turnsUntilHeard - before, 3u) << "one arena of the loud one's, then the other's";
}

TEST(Reading, StopsWhileABatchIsOutAndLosesNothing) {
  DrivenReactor driven;
  EndpointOptions options;
  options.limits.bufferedBytes = 64 * 1024;
  Endpoint& server = driven.listen(kLines, options);
  Client client(server.listener.address());
  driven.releaseAtOnce = false;
  size_t sent = 0;
  const std::string line = std::string(99, 'x') + "\n";
  std::string all;
  constexpr size_t kCount = 200'000;  // more than the kernel's buffers hold
  for (size_t i = 0; i < kCount; i++) all += line;
  // Fill every buffer between the two ends.
  for (int calm = 0; calm < 20;) {
    const size_t more = client.sendSome(std::string_view(all).substr(sent));
    calm = more == 0 ? calm + 1 : 0;
    sent += more;
    driven.turn(1);
    ASSERT_LE(server.heldBytes(), options.limits.bufferedBytes + 100);
  }
  ASSERT_EQ(driven.batches[server.id].size(), 1u) << "nothing is read behind a batch that is out";
  ASSERT_FALSE(driven.reactor().hasWork()) << "it waits without work";
  ASSERT_LT(sent, all.size()) << "the sender waits";
  driven.releaseAtOnce = true;
  driven.reactor().release(server);
  ASSERT_TRUE(driven.until([&] {
    if (sent < all.size()) sent += client.sendSome(std::string_view(all).substr(sent));
    return driven.frameCount == kCount;
  }));
  EXPECT_EQ(server.stats.bytesIn, all.size());
  EXPECT_EQ(server.heldBytes(), 0u);
}

TEST(Reading, WaitsForAConsumer) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  driven.reactor().setReading(server, false);
  Client client(server.listener.address());
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == 1; }));
  client.send("question\n");
  driven.settle();
  EXPECT_EQ(driven.frameCount, 0u);
  driven.write(driven.last(EventKind::kConnected).slot, "told unasked\n");
  ASSERT_TRUE(driven.until([&] {
    client.receive();
    return client.received == "told unasked\n";
  })) << "writing goes on while nothing is read";
  driven.reactor().setReading(server, true);
  EXPECT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
}

TEST(Reading, ClosesWhoHoldsTheMostWhenUnfinishedFramesFillTheBudget) {
  DrivenReactor driven;
  EndpointOptions options;
  options.limits.bufferedBytes = 512 * 1024;
  options.limits.frameBytes = 400 * 1024;
  Endpoint& server = driven.listen(Framer(Lines(true, 400 * 1024)), options);
  std::vector<Client> clients;
  for (int i = 0; i < 12; i++) clients.emplace_back(server.listener.address());
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == clients.size(); }));
  const std::string half(90'000, 'x');
  for (Client& client : clients) pump(driven, client, half);
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kDisconnected) > 0; }));
  driven.settle();
  EXPECT_EQ(driven.last(EventKind::kDisconnected).reason, CloseReason::kBufferLimit);
  EXPECT_LE(server.partialBytes, 400u * 1024 + 256 * 1024);
  EXPECT_LT(driven.count(EventKind::kDisconnected), clients.size()) << "the others stay";
  EXPECT_EQ(server.stats.faults, driven.count(EventKind::kDisconnected));
}

}  // namespace
}  // namespace sluice::testing_support
