// W1 and W1b: as many bytes as the server takes, in large writes that cut lines anywhere.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "clock.h"
#include "modes.h"
#include "payload.h"
#include "report.h"
#include "socket.h"

namespace load {
namespace {

struct Sender {
  Socket socket;
  std::uint64_t position = 0;  // in the connection's stream
  std::uint64_t end = 0;
};

// One write a turn for each writable connection, so that no connection runs ahead of the others.
void send_some(Sender& sender, const Payload& payload, std::size_t write_bytes) noexcept {
  const std::size_t size = std::min<std::uint64_t>(write_bytes, sender.end - sender.position);
  const ssize_t n = ::send(sender.socket.fd(), payload.at(sender.position), size, MSG_NOSIGNAL);
  if (n >= 0) {
    sender.position += static_cast<std::uint64_t>(n);
  } else if (errno != EAGAIN && errno != EINTR) {
    die("send");
  }
}

}  // namespace

int run_stream(const Options& options) {
  const Payload payload(options.content, options.write_bytes);
  const std::size_t count = options.connections;
  std::vector<Sender> senders(count);
  Tally expected;

  Socket poller(::epoll_create1(EPOLL_CLOEXEC));
  if (poller.fd() < 0) die("epoll_create1");
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t frames = options.frames / count + (i < options.frames % count ? 1 : 0);
    expected += payload.expected(i, frames);

    Sender& sender = senders[i];
    sender.socket = connect_to(options, i);
    sender.position = payload.start(i);
    sender.end = sender.position + frames * payload.line_bytes();
    set_nonblocking(sender.socket.fd());
    epoll_event event{EPOLLOUT, {.ptr = &sender}};
    if (::epoll_ctl(poller.fd(), EPOLL_CTL_ADD, sender.socket.fd(), &event) != 0) die("epoll_ctl");
  }

  const Stopwatch watch;
  std::vector<epoll_event> events(count);
  for (std::size_t open = count; open > 0;) {
    const int ready = ::epoll_wait(poller.fd(), events.data(), static_cast<int>(count), -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      Sender& sender = *static_cast<Sender*>(events[i].data.ptr);
      const int fd = sender.socket.fd();
      if (sender.position < sender.end) {
        send_some(sender, payload, options.write_bytes);
        if (sender.position < sender.end) continue;
        finish_sending(fd);
        epoll_event event{EPOLLIN, {.ptr = &sender}};
        if (::epoll_ctl(poller.fd(), EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
      } else if (read_until_closed(fd)) {
        sender.socket = Socket();
        --open;
      }
    }
  }
  report_load(count, expected, payload, watch);
  return 0;
}

}  // namespace load
