// W3 and W10b: what a single client waits for an answer while the server is under load.
//
// It shares a CPU with what makes the load, and would mostly measure how long it waits for that. So it asks for
// the real-time scheduler, which lets it run as soon as the answer is there; it is awake for a few
// microseconds in a millisecond.
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "clock.h"
#include "modes.h"
#include "socket.h"

namespace load {
namespace {

constexpr std::int64_t kMeanIntervalNs = 1'000'000;
constexpr unsigned kStalledSeconds = 30;

struct Exchange {
  std::string question;
  std::string answer;
};

// What W10's servers take and give: a line that begins with ten digits, and those.
Exchange numbered_line(std::size_t content) {
  const std::string number = "0000000000";
  std::string line = number;
  line.resize(std::max(content, number.size()), 'x');
  return {line + '\n', number + '\n'};
}

void ask(int fd, const Exchange& exchange, std::string& answer) {
  const std::string& question = exchange.question;
  if (::send(fd, question.data(), question.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(question.size())) die("send");
  answer.resize(exchange.answer.size());
  if (::recv(fd, answer.data(), answer.size(), MSG_WAITALL) != static_cast<ssize_t>(answer.size())) die("recv");
  if (answer != exchange.answer) {
    errno = EPROTO;
    die("the answer to the probe");
  }
}

// Standard input is a pipe of the harness: readable means that it was closed.
bool told_to_stop() noexcept {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return ::poll(&input, 1, 0) != 0;
}

// The nearest-rank percentile of sorted samples.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, double share) noexcept {
  if (sorted.empty()) return 0;
  const std::size_t rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

int probe(const Options& options, const Exchange& exchange) {
  if (::prctl(PR_SET_TIMERSLACK, 1UL) != 0) die("PR_SET_TIMERSLACK");
  const sched_param priority{1};
  const bool real_time = ::sched_setscheduler(0, SCHED_FIFO, &priority) == 0;  // refused without CAP_SYS_NICE
  const Socket socket = connect_to(options, 0);
  set_timeouts(socket.fd(), kStalledSeconds);
  std::string answer;
  std::vector<std::int64_t> round_trips;
  JitteredSchedule schedule(kMeanIntervalNs);
  while (!told_to_stop()) {
    sleep_until(schedule.next());
    const std::int64_t asked = now();
    ask(socket.fd(), exchange, answer);
    round_trips.push_back(now() - asked);
  }
  std::sort(round_trips.begin(), round_trips.end());
  std::printf("{\"realTime\":%s,\"count\":%zu,\"p50Ns\":%" PRId64 ",\"p99Ns\":%" PRId64 ",\"p999Ns\":%" PRId64
              ",\"maxNs\":%" PRId64 "}\n",
              real_time ? "true" : "false", round_trips.size(), percentile(round_trips, 0.5),
              percentile(round_trips, 0.99), percentile(round_trips, 0.999),
              round_trips.empty() ? 0 : round_trips.back());
  return 0;
}

}  // namespace

int run_probe(const Options& options) { return probe(options, {"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"}); }

int run_probe_line(const Options& options) { return probe(options, numbered_line(options.content)); }

}  // namespace load
