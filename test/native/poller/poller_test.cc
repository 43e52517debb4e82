// The contract of poller.h, on socket pairs.
#include "poller/poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <poll.h>
#include <thread>
#include <vector>

namespace sluice {
namespace {

class PollerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(poller_.open(), 0);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair_), 0);
  }
  void TearDown() override {
    for (const int fd : pair_) {
      if (fd >= 0) ::close(fd);
    }
  }
  void close(int which) {
    ::close(pair_[which]);
    pair_[which] = -1;
  }
  std::vector<PollEvent> harvest() {
    const auto events = poller_.harvest(0);
    return {events.begin(), events.end()};
  }

  Poller poller_;
  int pair_[2] = {-1, -1};
};

TEST_F(PollerTest, ReportsRoomAtOnceAndOnlyOnce) {
  ASSERT_EQ(poller_.add(pair_[0], 42), 0);
  const auto events = harvest();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].token, 42u);
  EXPECT_TRUE(events[0].writable);
  EXPECT_FALSE(events[0].readable);
  EXPECT_TRUE(harvest().empty()) << "an edge is reported once";
}

TEST_F(PollerTest, IsWokenByAnotherThreadAndReportsNothing) {
  ASSERT_EQ(poller_.enableWake(), 0);
  for (int i = 0; i < 3; i++) {
    std::thread other([&] { poller_.wake(); });
    EXPECT_TRUE(poller_.harvest(-1).empty()) << "a wake is no event";
    other.join();
  }
  poller_.wake();
  pollfd readiness{.fd = poller_.descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&readiness, 1, 0), 1) << "an outer loop is woken too, and by a wake before its wait";
  EXPECT_TRUE(poller_.harvest(-1).empty());
  EXPECT_EQ(::poll(&readiness, 1, 0), 0) << "once";
}

TEST_F(PollerTest, ReportsEachArrival) {
  ASSERT_EQ(poller_.add(pair_[0], 42), 0);
  harvest();
  for (int i = 0; i < 2; i++) {
    ASSERT_EQ(::write(pair_[1], "x", 1), 1);
    const auto events = harvest();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(events[0].readable);
    EXPECT_FALSE(events[0].hangup);
    EXPECT_TRUE(harvest().empty()) << "what lies unread is no news";
  }
}

TEST_F(PollerTest, AnnouncesTheEndInFrontOfWhichDataLies) {
  ASSERT_EQ(poller_.add(pair_[0], 42), 0);
  harvest();
  ASSERT_EQ(::write(pair_[1], "x", 1), 1);
  ::shutdown(pair_[1], SHUT_WR);
  const auto events = harvest();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].readable);
  EXPECT_TRUE(events[0].hangup);
  char byte;
  EXPECT_EQ(::read(pair_[0], &byte, 1), 1);
}

TEST_F(PollerTest, AnnouncesAPeerThatIsGone) {
  ASSERT_EQ(poller_.add(pair_[0], 42), 0);
  harvest();
  close(1);
  const auto events = harvest();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].hangup);
  EXPECT_TRUE(events[0].readable) << "a read has to find out";
}

TEST_F(PollerTest, ForgetsWhatIsRemoved) {
  ASSERT_EQ(poller_.add(pair_[0], 42), 0);
  poller_.remove(pair_[0]);
  ASSERT_EQ(::write(pair_[1], "x", 1), 1);
  EXPECT_TRUE(harvest().empty());
}

TEST_F(PollerTest, CarriesAllBitsOfTheToken) {
  ASSERT_EQ(poller_.add(pair_[0], UINT64_MAX - 1), 0);
  ASSERT_EQ(poller_.add(pair_[1], uint64_t{1} << 32), 0);
  uint64_t sum = 0;
  for (const PollEvent& event : harvest()) sum += event.token;
  EXPECT_EQ(sum, UINT64_MAX - 1 + (uint64_t{1} << 32));
}

TEST_F(PollerTest, IsItselfReadableWhileEventsWait) {
  Poller outer;
  ASSERT_EQ(outer.open(), 0);
  ASSERT_EQ(outer.add(poller_.descriptor(), 7), 0);
  ASSERT_TRUE(outer.harvest(0).empty());
  ASSERT_EQ(poller_.add(pair_[0], 42), 0);
  const auto events = outer.harvest(0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].readable);
}

TEST_F(PollerTest, SaysWhyADescriptorCannotBePolled) {
  EXPECT_EQ(poller_.add(-1, 1), EBADF);
  ASSERT_EQ(poller_.add(pair_[0], 1), 0);
  EXPECT_EQ(poller_.add(pair_[0], 1), EEXIST);
}

}  // namespace
}  // namespace sluice
