// Taking connections in: limits, storms, and running out of descriptors.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <vector>

#include "support/client.h"
#include "support/driven_reactor.h"

namespace sluice::testing_support {
namespace {

const Framer kLines(Lines(true, 100));

std::vector<Client> connectMany(const Endpoint& server, int count) {
  std::vector<Client> clients;
  for (int i = 0; i < count; i++) clients.emplace_back(server.listener.address());
  return clients;
}

size_t endedAmong(std::vector<Client>& clients) {
  size_t ended = 0;
  for (Client& client : clients) {
    client.receive();
    ended += client.ended || client.error != 0 ? 1 : 0;
  }
  return ended;
}

TEST(Accepting, RefusesBeyondTheLimitAndCounts) {
  DrivenReactor driven;
  EndpointOptions options;
  options.limits.connections = 3;
  Endpoint& server = driven.listen(kLines, options);
  std::vector<Client> clients = connectMany(server, 5);
  ASSERT_TRUE(driven.until([&] { return endedAmong(clients) == 2; }));
  EXPECT_EQ(server.stats.accepted, 3u);
  EXPECT_EQ(server.stats.refusedByLimit, 2u);
  EXPECT_EQ(driven.count(EventKind::kConnected), 3u) << "nobody hears of the refused";
  for (Client& client : clients) {
    if (client.ended) continue;
    client.close();
    break;
  }
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kDisconnected) == 1; }));
  Client next(server.listener.address());
  EXPECT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == 4; }));
}

TEST(Accepting, RefusesBeyondTheLimitOfAnAddress) {
  DrivenReactor driven;
  EndpointOptions options;
  options.limits.connectionsPerAddress = 2;
  Endpoint& server = driven.listen(kLines, options);
  std::vector<Client> clients = connectMany(server, 3);
  ASSERT_TRUE(driven.until([&] { return endedAmong(clients) == 1; }));
  EXPECT_EQ(server.stats.refusedByAddress, 1u);
  for (Client& client : clients) client.close();
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kDisconnected) == 2; }));
  EXPECT_EQ(server.admission->addressCount(), 0u) << "an address without connections is forgotten";
  Client next(server.listener.address());
  EXPECT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == 3; }));
}

TEST(Accepting, SpreadsAStormOverTurns) {
  DrivenReactor driven;
  Endpoint& server = driven.listen(kLines);
  std::vector<Client> clients = connectMany(server, 300);
  driven.turn();
  const size_t first = driven.count(EventKind::kConnected);
  EXPECT_GT(first, 0u);
  EXPECT_LT(first, clients.size()) << "a turn has a budget";
  EXPECT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == clients.size(); }));
}

/// Lets this process open `more` descriptors, and no further one. (The limit is on their numbers, getrlimit(2).)
void allowDescriptors(int more) {
  int below = 0;
  for (int free = 0; free < more; below++) free += ::fcntl(below, F_GETFD) < 0 ? 1 : 0;
  rlimit limit{};
  SLUICE_REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = static_cast<rlim_t>(below);
  SLUICE_REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

// Each in a process of its own, since the limit is the process's.
TEST(AcceptingAtTheDescriptorLimit, RefusesInGoodOrderAndRecovers) {
  const auto inChild = [] {
    DrivenReactor driven;
    Endpoint& server = driven.listen(kLines);
    std::vector<Client> clients = connectMany(server, 40);  // they wait in the backlog
    allowDescriptors(15);
    SLUICE_REQUIRE(
        driven.until([&] { return driven.count(EventKind::kConnected) == 15 && endedAmong(clients) == 25; }));
    SLUICE_REQUIRE(server.stats.refusedByDescriptors == 25);
    driven.settle();
    SLUICE_REQUIRE(!driven.reactor().hasWork() && !driven.reactor().needsTick());  // it does not spin

    for (Client& client : clients) {
      if (!client.ended) client.send("served\n");
    }
    SLUICE_REQUIRE(driven.until([&] { return driven.frameCount == 15; }));

    clients.clear();
    SLUICE_REQUIRE(driven.until([&] { return driven.count(EventKind::kDisconnected) == 15; }));
    Client next(server.listener.address());
    next.send("after\n");
    SLUICE_REQUIRE(driven.until([&] { return driven.frameCount == 16; }));
    std::exit(0);
  };
  EXPECT_EXIT(inChild(), testing::ExitedWithCode(0), "");
}

TEST(AcceptingAtTheDescriptorLimit, WaitsWithoutAReserve) {
  const auto inChild = [] {
    DrivenReactor driven;
    allowDescriptors(1);  // the listener's, and none for its reserve
    Endpoint& server = driven.listen(kLines);
    allowDescriptors(1);
    Client client(server.listener.address());
    client.send("patient\n");
    SLUICE_REQUIRE(driven.until([&] { return server.stats.acceptBackOffs == 1; }));
    SLUICE_REQUIRE(driven.reactor().needsTick());
    driven.settle();
    SLUICE_REQUIRE(server.stats.acceptBackOffs == 1);  // it does not try before its time

    allowDescriptors(2);
    driven.reactor().tick(driven.nowMs + 20);
    driven.settle();
    SLUICE_REQUIRE(driven.count(EventKind::kConnected) == 0);
    driven.reactor().tick(driven.nowMs += 1000);
    SLUICE_REQUIRE(driven.until([&] { return driven.frameCount == 1; }));
    SLUICE_REQUIRE(!driven.reactor().needsTick());
    std::exit(0);
  };
  EXPECT_EXIT(inChild(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::testing_support
