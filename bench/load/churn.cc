// W11: connections that live for one line. Connect, send a line, read the answer, close, and the next one; `connections` of them are
// under way at any moment, `frames` in all.
//
// The client closes first, so the kernel keeps the closed pairs on this side (TIME_WAIT, RFC 9293 section 3.6), not in the server. Source
// addresses go round a range of the loopback network, so that no run finds its ports taken by the one before. One more connection is held
// from the first to the last, so the server does not count its open connections down to none in between.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

constexpr int kEvents = 256;
constexpr std::uint32_t kSourceAddresses = 64;
constexpr int kStalledMs = 30'000;

struct Visit {
  Socket socket;
  std::uint64_t number = 0;
  bool sent = false;
};

Socket begin_connect(std::uint16_t port, std::uint64_t number) noexcept {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) die("socket");
  const int on = 1;
  if (::setsockopt(socket.fd(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) die("setsockopt");
  if (::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) die("TCP_NODELAY");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(number % kSourceAddresses));
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
    die("connect");
  return socket;
}

// The answer: the first byte of the line, and a newline.
bool answered(const Visit& visit, const char* line) noexcept {
  char answer[8];
  const ssize_t n = ::recv(visit.socket.fd(), answer, sizeof answer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n < 0) die("recv");
  if (n != 2 || answer[0] != line[0] || answer[1] != '\n') {
    errno = EPROTO;
    die("the answer to a line");
  }
  return true;
}

}  // namespace

int run_churn(const Options& options) {
  const Payload payload(options.content, options.content + 1);
  const std::size_t line = payload.line_bytes();
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");

  std::vector<Visit> visits(std::min<std::uint64_t>(options.connections, options.frames));
  std::uint64_t begun = 0;
  Tally expected;
  const auto begin = [&](Visit& visit) {
    visit.number = begun++;
    visit.sent = false;
    visit.socket = begin_connect(options.port, visit.number);
    expected += payload.expected(visit.number, 1);
    epoll_event event{EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = &visit}};
    if (::epoll_ctl(poller, EPOLL_CTL_ADD, visit.socket.fd(), &event) != 0) die("epoll_ctl");
  };

  const Socket held = connect_to(options, 0);
  const Stopwatch watch;
  for (Visit& visit : visits) begin(visit);
  std::vector<epoll_event> events(kEvents);
  for (std::uint64_t done = 0; done < options.frames;) {
    const int ready = ::epoll_wait(poller, events.data(), kEvents, kStalledMs);
    if (ready <= 0 && errno != EINTR) die("the server does not answer");
    for (int i = 0; i < ready; ++i) {
      Visit& visit = *static_cast<Visit*>(events[i].data.ptr);
      const char* bytes = payload.at(payload.start(visit.number));
      if (!visit.sent && (events[i].events & EPOLLOUT) != 0) {
        if (::send(visit.socket.fd(), bytes, line, MSG_NOSIGNAL) != static_cast<ssize_t>(line)) die("send");
        visit.sent = true;
      }
      if (!visit.sent || (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || !answered(visit, bytes)) continue;
      ++done;
      visit.socket = Socket();
      if (begun < options.frames) begin(visit);
    }
  }
  finish_sending(held.fd());
  if (!read_until_closed(held.fd())) die("the server did not close its side");
  report_load(options.frames + 1, expected, payload, watch);
  return 0;
}

}  // namespace load
