// W10: numbered lines on every connection, as fast as the server takes them, and an answer awaited to each. The order of a
// connection is checked here, where the server can't mend it: answer number n must be n.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "clock.h"
#include "modes.h"
#include "socket.h"

namespace load {
namespace {

constexpr std::size_t kDigits = 10;
constexpr std::size_t kAnswerBytes = kDigits + 1;

// Lines `number`, `number` + 1, … : ten digits, filler, newline.
class Lines {
 public:
  Lines(std::size_t content, std::size_t write_bytes)
      : line_bytes_(std::max(content, kDigits) + 1), bytes_((write_bytes / line_bytes_ + 2) * line_bytes_, 'x') {
    for (std::size_t at = line_bytes_; at <= bytes_.size(); at += line_bytes_) bytes_[at - 1] = '\n';
  }

  std::size_t line_bytes() const noexcept { return line_bytes_; }

  // Up to `size` bytes of a connection's stream from `position` on.
  const char* at(std::uint64_t position, std::size_t size) noexcept {
    const std::uint64_t first = position / line_bytes_;
    for (std::size_t line = 0; (line + 1) * line_bytes_ <= bytes_.size(); ++line) {
      if (line * line_bytes_ > position % line_bytes_ + size) break;
      std::uint64_t number = first + line;
      for (std::size_t digit = kDigits; digit-- > 0; number /= 10) {
        bytes_[line * line_bytes_ + digit] = static_cast<char>('0' + number % 10);
      }
    }
    return bytes_.data() + position % line_bytes_;
  }

 private:
  std::size_t line_bytes_;
  std::vector<char> bytes_;
};

struct Talker {
  Socket socket;
  std::uint64_t position = 0;  // in the stream that it sends
  std::uint64_t end = 0;
  std::uint64_t answered = 0;
  char rest[kAnswerBytes] = {};  // of an answer that has come in part
  std::size_t rest_bytes = 0;
};

[[noreturn]] void out_of_order(const Talker& talker, const char* answer) {
  std::fprintf(stderr, "load: answer %" PRIu64 " of a connection is '%.10s'\n", talker.answered, answer);
  std::exit(1);
}

void check(Talker& talker, const char* answer) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kDigits; ++i) number = number * 10 + static_cast<std::uint64_t>(answer[i] - '0');
  if (number != talker.answered || answer[kDigits] != '\n') out_of_order(talker, answer);
  ++talker.answered;
}

// False: nothing more now. Dies on an end that comes too early.
bool receive(Talker& talker, std::vector<char>& buffer) {
  std::memcpy(buffer.data(), talker.rest, talker.rest_bytes);
  const ssize_t n = ::recv(talker.socket.fd(), buffer.data() + talker.rest_bytes, buffer.size() - talker.rest_bytes, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) die("recv");
  const std::size_t size = talker.rest_bytes + static_cast<std::size_t>(n);
  std::size_t at = 0;
  for (; at + kAnswerBytes <= size; at += kAnswerBytes) check(talker, buffer.data() + at);
  talker.rest_bytes = size - at;
  std::memcpy(talker.rest, buffer.data() + at, talker.rest_bytes);
  return size == buffer.size();
}

}  // namespace

int run_ordered(const Options& options) {
  const std::size_t count = options.connections;
  Lines lines(options.content, options.write_bytes);
  std::vector<Talker> talkers(count);
  std::vector<char> buffer(64 * 1024);
  Socket poller(::epoll_create1(EPOLL_CLOEXEC));
  if (poller.fd() < 0) die("epoll_create1");
  for (std::size_t i = 0; i < count; ++i) {
    Talker& talker = talkers[i];
    talker.socket = connect_to(options, i);
    talker.end = (options.frames / count + (i < options.frames % count ? 1 : 0)) * lines.line_bytes();
    set_nonblocking(talker.socket.fd());
    epoll_event event{EPOLLIN | EPOLLOUT, {.ptr = &talker}};
    if (::epoll_ctl(poller.fd(), EPOLL_CTL_ADD, talker.socket.fd(), &event) != 0) die("epoll_ctl");
  }

  const Stopwatch watch;
  std::vector<epoll_event> events(count);
  for (std::size_t open = count; open > 0;) {
    const int ready = ::epoll_wait(poller.fd(), events.data(), static_cast<int>(count), -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      Talker& talker = *static_cast<Talker*>(events[i].data.ptr);
      const int fd = talker.socket.fd();
      if ((events[i].events & EPOLLOUT) != 0 && talker.position < talker.end) {
        const std::size_t size = std::min<std::uint64_t>(options.write_bytes, talker.end - talker.position);
        const ssize_t n = ::send(fd, lines.at(talker.position, size), size, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) die("send");
        if (n > 0) talker.position += static_cast<std::uint64_t>(n);
        if (talker.position == talker.end) {
          epoll_event event{EPOLLIN, {.ptr = &talker}};
          if (::epoll_ctl(poller.fd(), EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
        }
      }
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) continue;
      while (receive(talker, buffer)) {
      }
      if (talker.position < talker.end || talker.answered * lines.line_bytes() < talker.end) continue;
      talker.socket = Socket();
      --open;
    }
  }
  std::printf("{\"connections\":%zu,\"frames\":%" PRIu64 ",\"elapsedNs\":%" PRId64 ",\"cpuNs\":%" PRId64 "}\n", count,
              options.frames, watch.elapsed(), watch.cpu());
  return 0;
}

}  // namespace load
