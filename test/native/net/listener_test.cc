#include "net/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

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

TEST_F(UnixPath, ThatIsRelativeIsRemovedFromWhereItWas) {
  const std::filesystem::path before = std::filesystem::current_path();
  ASSERT_EQ(::chdir(folder_), 0);
  SocketAddress relative;
  ASSERT_EQ(SocketAddress::fromPath("socket", relative), 0);
  Listener listener;
  ASSERT_EQ(listener.open(relative, {}), 0);
  ASSERT_EQ(::chdir(before.c_str()), 0);
  EXPECT_TRUE(exists(path_));
  listener.close();
  EXPECT_FALSE(exists(path_));
}

TEST_F(UnixPath, HasThePermissionsAskedForWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  Listener listener;
  ASSERT_EQ(listener.open(address_, {.mode = 0660}), 0);
  ::umask(before);
  struct stat info{};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660U);
}

TEST_F(UnixPath, IsTakenOverFromADeadServerWhenAskedTo) {
  {
    // As a killed process leaves it.
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(dead, address_.raw(), address_.length), 0);
    ::close(dead);
  }
  Listener plain;
  EXPECT_EQ(plain.open(address_, {}), EADDRINUSE);
  Listener listener;
  ASSERT_EQ(listener.open(address_, {.mode = 0600, .replaceStale = true}), 0);
  Client client(listener.address());
  EXPECT_EQ(listener.accept().outcome, Listener::Outcome::kAccepted);
  listener.close();
  EXPECT_FALSE(exists(path_));
}

TEST_F(UnixPath, IsNotTakenFromALiveServerNorFromAnotherKindOfFile) {
  Listener alive;
  ASSERT_EQ(alive.open(address_, {}), 0);
  Listener second;
  EXPECT_EQ(second.open(address_, {.replaceStale = true}), EADDRINUSE);
  alive.close();
  const int file = ::open(path_.c_str(), O_CREAT | O_WRONLY, 0600);
  ::close(file);
  EXPECT_EQ(second.open(address_, {.replaceStale = true}), EADDRINUSE);
  EXPECT_TRUE(exists(path_));
}

/// Servers that start at once over one stale file: one of them gets the place, and keeps it.
TEST_F(UnixPath, IsTakenOverByOneOfMany) {
  for (int round = 0; round < 20; round++) {
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(dead, address_.raw(), address_.length), 0);
    ::close(dead);
    constexpr int kServers = 4;
    Listener listeners[kServers];
    std::vector<std::thread> starting;
    for (Listener& listener : listeners) {
      starting.emplace_back([&] { listener.open(address_, {.replaceStale = true}); });
    }
    for (std::thread& thread : starting) thread.join();
    int open = 0;
    for (const Listener& listener : listeners) open += listener.isOpen() ? 1 : 0;
    EXPECT_EQ(open, 1);
    EXPECT_TRUE(exists(path_));
  }
}

TEST(InheritedSocket, IsTakenOverWithWhatWaitsInItsQueue) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const SocketAddress address = anyPort();
  ASSERT_EQ(::bind(fd, address.raw(), address.length), 0);
  ASSERT_EQ(::listen(fd, 5), 0);
  SocketAddress bound;
  ASSERT_EQ(SocketAddress::boundTo(fd, bound), 0);
  Client early(bound);
  Listener listener;
  ASSERT_EQ(listener.take(fd, {}), 0);
  EXPECT_EQ(PeerAddress::from(listener.address()), PeerAddress::from(bound));
  EXPECT_EQ(listener.accept().outcome, Listener::Outcome::kAccepted);
  EXPECT_EQ(listener.accept().outcome, Listener::Outcome::kEmpty) << "it does not block";
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST(InheritedSocket, ListensWhenNobodyDidBefore) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const SocketAddress address = anyPort();
  ASSERT_EQ(::bind(fd, address.raw(), address.length), 0);
  Listener listener;
  ASSERT_EQ(listener.take(fd, {}), 0);
  Client client(listener.address());
  EXPECT_EQ(listener.accept().outcome, Listener::Outcome::kAccepted);
}

TEST(InheritedSocket, IsLeftAloneWhenItIsNone) {
  Listener listener;
  EXPECT_EQ(listener.take(-1, {}), EBADF);
  const int file = ::open("/dev/null", O_RDONLY);
  EXPECT_EQ(listener.take(file, {}), ENOTSOCK);
  ::close(file);
  const int datagrams = ::socket(AF_INET, SOCK_DGRAM, 0);
  EXPECT_EQ(listener.take(datagrams, {}), EPROTONOSUPPORT);
  EXPECT_EQ(::close(datagrams), 0) << "still open";
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(listener.take(pair[0], {}), EINVAL) << "connected";
  EXPECT_EQ(::close(pair[0]), 0);
  ::close(pair[1]);
  EXPECT_FALSE(listener.isOpen());
}

TEST_F(UnixPath, ThatWasInheritedStaysWithWhoeverMadeIt) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(fd, address_.raw(), address_.length), 0);
  ASSERT_EQ(::listen(fd, 5), 0);
  Listener listener;
  ASSERT_EQ(listener.take(fd, {}), 0);
  EXPECT_EQ(listener.address().path(), path_);
  listener.close();
  EXPECT_TRUE(exists(path_));
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
