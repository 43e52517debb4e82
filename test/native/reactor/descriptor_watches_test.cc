// Descriptors of the program: reported once for each time that they are asked for, whatever kind they are.
#include "reactor/descriptor_watches.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/driven_reactor.h"

namespace sluice::testing_support {
namespace {

constexpr uint32_t kRead = Readiness::kReadable;
constexpr uint32_t kWrite = Readiness::kWritable;
constexpr uint32_t kHangup = Readiness::kHangup;

/// Owns a descriptor.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) { SLUICE_REQUIRE(fd >= 0); }
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  ~Fd() { close(); }
  operator int() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pipe {
  Pipe() {
    int ends[2];
    SLUICE_REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    read.emplace_back(ends[0]);
    write.emplace_back(ends[1]);
  }
  int reading() const { return read.front(); }
  int writing() const { return write.front(); }
  void fill(const char* text = "x") const { SLUICE_REQUIRE(::write(writing(), text, 1) == 1); }

  std::vector<Fd> read;  // one, or none when it is closed
  std::vector<Fd> write;
};

class DescriptorWatchesTest : public testing::Test {
 protected:
  void watch(int fd, uint32_t interest) { ASSERT_EQ(driven.reactor().watchDescriptor(fd, interest), 0); }
  /// The descriptors reported since the last time, when all that is there was taken.
  std::vector<uint32_t> reported() {
    driven.settle();
    std::vector<uint32_t> fds;
    for (const Event& event : driven.events) {
      if (event.kind == EventKind::kDescriptorReady) fds.push_back(event.slot);
    }
    driven.events.clear();
    return fds;
  }
  /// That nothing more comes, and nobody is woken: the reactor's descriptor is at rest.
  void expectRest() {
    EXPECT_TRUE(reported().empty());
    pollfd readiness{.fd = driven.reactor().descriptor(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&readiness, 1, 10), 0);
  }
  static std::vector<uint32_t> only(int fd) { return {static_cast<uint32_t>(fd)}; }

  DrivenReactor driven;
};

TEST_F(DescriptorWatchesTest, AreReportedOnceForEachTimeThatSomebodyAsks) {
  const Pipe pipe;
  watch(pipe.reading(), kRead);
  expectRest();
  pipe.fill();
  EXPECT_EQ(reported(), only(pipe.reading()));
  pipe.fill();
  expectRest();
  watch(pipe.reading(), kRead);
  EXPECT_EQ(reported(), only(pipe.reading())) << "what lies unread counts for who asks again";
  expectRest();
}

TEST_F(DescriptorWatchesTest, SayWhatHolds) {
  Pipe pipe;
  EXPECT_EQ(DescriptorWatches::look(pipe.reading(), kRead), 0);
  EXPECT_EQ(DescriptorWatches::look(pipe.writing(), kRead | kWrite), static_cast<int>(kWrite));
  pipe.fill();
  EXPECT_EQ(DescriptorWatches::look(pipe.reading(), kRead), static_cast<int>(kRead));
  pipe.write.clear();
  EXPECT_EQ(DescriptorWatches::look(pipe.reading(), kRead), static_cast<int>(kRead | kHangup));
  Pipe broken;
  broken.read.clear();
  EXPECT_EQ(DescriptorWatches::look(broken.writing(), kWrite), static_cast<int>(kWrite | kHangup));
  const int closed = ::dup(broken.writing());
  ::close(closed);
  EXPECT_EQ(DescriptorWatches::look(closed, kWrite), -EBADF);
}

TEST_F(DescriptorWatchesTest, MayBeOfAnyKindThatCanBePolled) {
  const Fd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  const Fd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  char folder[] = "/tmp/sluice-watch-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Fd fifo(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ::unlink(path.c_str());
  ::rmdir(folder);

  for (const int fd : {int{event}, int{timer}, int{one}, int{terminal}, int{fifo}}) {
    EXPECT_EQ(driven.reactor().watchDescriptor(fd, kRead), 0) << fd;
  }
  expectRest();
  ASSERT_EQ(::eventfd_write(event, 1), 0);
  EXPECT_EQ(reported(), only(event));
  const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1'000'000}};
  ASSERT_EQ(::timerfd_settime(timer, 0, &soon, nullptr), 0);
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kDescriptorReady) == 1; }));
  EXPECT_EQ(reported(), only(timer));
  ASSERT_EQ(::send(other, "", 0, 0), 0);
  EXPECT_EQ(reported(), only(one));
  ASSERT_EQ(::write(fifo, "x", 1), 1);
  EXPECT_EQ(reported(), only(fifo));
  ASSERT_EQ(::grantpt(terminal), 0);
  ASSERT_EQ(::unlockpt(terminal), 0);
  const Fd slave(::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::write(slave, "x", 1), 1);
  EXPECT_EQ(reported(), only(terminal));
}

TEST_F(DescriptorWatchesTest, AreRefusedWhenTheyCannotBePolled) {
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(driven.reactor().watchDescriptor(file, kRead), EPERM);
  const int closed = ::dup(file);
  ::close(closed);
  EXPECT_EQ(driven.reactor().watchDescriptor(closed, kRead), EBADF);
  expectRest();
}

TEST_F(DescriptorWatchesTest, CanBeLeft) {
  const Pipe pipe;
  watch(pipe.reading(), kRead);
  driven.reactor().unwatchDescriptor(pipe.reading());
  pipe.fill();
  expectRest();
}

TEST_F(DescriptorWatchesTest, TakeTheLastInterest) {
  const Pipe pipe;
  watch(pipe.writing(), kRead);
  expectRest();
  watch(pipe.writing(), kRead | kWrite);
  EXPECT_EQ(reported(), only(pipe.writing()));
}

TEST_F(DescriptorWatchesTest, KnowThatOneWasClosed) {
  Pipe pipe;
  const int fd = pipe.reading();
  const Fd keptOpen(::dup(fd));
  watch(fd, kRead);
  EXPECT_EQ(driven.reactor().stillWatched(fd, kRead), 0);
  pipe.read.clear();
  EXPECT_EQ(driven.reactor().stillWatched(fd, kRead), EBADF);
  const Pipe others;
  ASSERT_EQ(::dup2(others.reading(), fd), fd);
  EXPECT_EQ(driven.reactor().stillWatched(fd, kRead), ENOENT) << "another has its number";
  watch(fd, kRead);
  others.fill();
  EXPECT_EQ(reported(), only(fd));
  ::close(fd);
}

TEST_F(DescriptorWatchesTest, TouchNoConnectionOfTheReactor) {
  Endpoint& server = driven.listen(Framer(Lines(true, 100)));
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client, server.listener.address().raw(), server.listener.address().length), 0);
  ASSERT_TRUE(driven.until([&] { return driven.count(EventKind::kConnected) == 1; }));
  const uint32_t slot = driven.last(EventKind::kConnected).slot;
  const int inside = driven.reactor().connection(slot)->fd;
  watch(inside, kRead);
  driven.reactor().unwatchDescriptor(inside);
  ASSERT_EQ(::send(client, "still read\n", 11, 0), 11);
  ASSERT_TRUE(driven.until([&] { return driven.frameCount == 1; }));
}

TEST_F(DescriptorWatchesTest, AreReportedAllWhenManyBecomeReadyAtOnce) {
  std::vector<Fd> events;
  for (int i = 0; i < Poller::kMaxEvents + 100; i++) events.emplace_back(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  for (const Fd& event : events) watch(event, kRead);
  for (const Fd& event : events) ASSERT_EQ(::eventfd_write(event, 1), 0);
  EXPECT_EQ(reported().size(), events.size());
  expectRest();
}

}  // namespace
}  // namespace sluice::testing_support
