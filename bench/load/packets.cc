// W2: one frame a segment. TCP_NODELAY sends each write at once, and going round the connections keeps two
// frames of one connection as far apart as possible. A server slower than the sender would still find several
// segments in a socket and read them with one call, which is less work than was meant: `rate` holds the
// sender to a pace that every peer can follow, so that all of them do the same work.
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "clock.h"
#include "modes.h"
#include "payload.h"
#include "report.h"
#include "socket.h"

namespace load {
namespace {

constexpr unsigned kStalledSeconds = 30;

}  // namespace

int run_packets(const Options& options) {
  const Payload payload(options.content, options.content + 1);
  const std::size_t count = options.connections;
  const std::size_t line = payload.line_bytes();
  // The default slack lets a sleep end 50 µs late, a tenth of a round (prctl(2)).
  if (::prctl(PR_SET_TIMERSLACK, 1UL) != 0) die("PR_SET_TIMERSLACK");

  std::vector<Socket> sockets(count);
  Tally expected;
  for (std::size_t i = 0; i < count; ++i) {
    sockets[i] = connect_to(options, i);
    set_timeouts(sockets[i].fd(), kStalledSeconds);
    expected += payload.expected(i, options.frames / count + (i < options.frames % count ? 1 : 0));
  }

  const std::int64_t round_ns =
      options.rate == 0 ? 0 : kSecond * static_cast<std::int64_t>(count) / static_cast<std::int64_t>(options.rate);
  const Stopwatch watch;
  JitteredSchedule schedule(round_ns);
  for (std::uint64_t sent = 0; sent < options.frames;) {
    if (round_ns > 0) sleep_until(schedule.next());
    const std::uint64_t round = sent / count * line;
    for (std::size_t i = 0; i < count && sent < options.frames; ++i, ++sent) {
      const char* frame = payload.at(payload.start(i) + round);
      if (::send(sockets[i].fd(), frame, line, MSG_NOSIGNAL) != static_cast<ssize_t>(line)) die("send");
    }
  }
  for (const Socket& socket : sockets) finish_sending(socket.fd());
  for (const Socket& socket : sockets) {
    if (!read_until_closed(socket.fd())) die("the server did not close its side");
  }
  report_load(count, expected, payload, watch);
  return 0;
}

}  // namespace load
