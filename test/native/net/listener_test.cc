#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "support/client.h"

namespace sluice::testing_support {
namespace {

SocketAddress anyPort(const char* host = "127.0.0.1") {
  SocketAddress address;
  EXPECT_EQ(SocketAddress::fromIp(host, 0, address), 0);
  return address;
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

class UnixPath : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(folder_), nullptr);
    path_ = std::string(folder_) + "/socket";
    ASSERT_EQ(SocketAddress::fromPath(path_, address_), 0);
  }
  void TearDown() override {
    ::unlink(path_.c_str());
    ::rmdir(folder_);
  }

  char folder_[32] = "/tmp/sluice-listener-XXXXXX";
  std::string path_;
  SocketAddress address_;
};

TEST(Listener, NamesThePortThatTheSystemPicked) {
  Listener listener;
  ASSERT_EQ(listener.open(anyPort(), {}), 0);
  EXPECT_NE(PeerAddress::from(listener.address()).port, 0);
  EXPECT_EQ(listener.accept().outcome, Listener::Outcome::kEmpty);
  Client client(listener.address());
  const Listener::Accepted accepted = listener.accept();
  ASSERT_EQ(accepted.outcome, Listener::Outcome::kAccepted);
  EXPECT_EQ(accepted.peer.host(), "127.0.0.1");
  ::close(accepted.fd);
  listener.close();
  EXPECT_FALSE(listener.isOpen());
}

TEST(Listener, SaysThatAnAddressIsTaken) {
  Listener first;
  ASSERT_EQ(first.open(anyPort(), {}), 0);
  Listener second;
  EXPECT_EQ(second.open(first.address(), {}), EADDRINUSE);
  EXPECT_FALSE(second.isOpen());
}

TEST(Listener, SharesAPortWhereBothAskForIt) {
  Listener first;
  ASSERT_EQ(first.open(anyPort(), {.reusePort = true}), 0);
  Listener second;
  EXPECT_EQ(second.open(first.address(), {.reusePort = true}), 0);
}

TEST_F(UnixPath, IsRemovedAtTheEnd) {
  Listener listener;
  ASSERT_EQ(listener.open(address_, {}), 0);
  EXPECT_TRUE(exists(path_));
  listener.close();
  EXPECT_FALSE(exists(path_));
}

TEST_F(UnixPath, IsLeftAloneWhenItIsSomebodyElsesByThen) {
  Listener first;
  ASSERT_EQ(first.open(address_, {}), 0);
  // A link keeps the first file, so that the second can't have its inode.
  const std::string kept = path_ + "-kept";
  ASSERT_EQ(::rename(path_.c_str(), kept.c_str()), 0);
  Listener second;
  ASSERT_EQ(second.open(address_, {}), 0);
  first.close();
  EXPECT_TRUE(exists(path_)) << "the second's";
  ::unlink(kept.c_str());
}

TEST_F(UnixPath, IsRefusedWhileAFileStandsThere) {
  Listener first;
  ASSERT_EQ(first.open(address_, {}), 0);
  Listener second;
  EXPECT_EQ(second.open(address_, {}), EADDRINUSE);
  second.close();
  EXPECT_TRUE(exists(path_)) << "failing to open removes nothing";
}

}  // namespace
}  // namespace sluice::testing_support
