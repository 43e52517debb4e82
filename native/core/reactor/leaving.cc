// What the process still does for its peers when it exits. Nobody comes back to the loop, so what is queued goes out now or never.

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utility>
#include <vector>
#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "reactor/reactor.h"

namespace sluice {

namespace {

int64_t monotonicMs() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

/// Empties the receive queue, as far as it holds something now. Whether it did.
bool emptyReceiveQueue(int fd) noexcept {
  constexpr int kReads = 64;
  uint8_t scratch[16 * 1024];
  for (int i = 0; i < kReads; i++) {
    if (::recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) <= 0) return i > 0;
  }
  return true;
}

/// Bytes that the kernel has taken and the peer's has not acknowledged.
int unacknowledged(int fd) noexcept {
  int bytes = 0;
#ifdef SIOCOUTQ
  if (::ioctl(fd, SIOCOUTQ, &bytes) != 0) return 0;
#endif
  return bytes;
}

/// Time that runs out when nothing moves, or when it has taken too long altogether.
class Patience {
 public:
  explicit Patience(int ms) noexcept : ms_(ms), end_(monotonicMs() + int64_t{ms} * 10) { moved(); }
  void moved() noexcept { until_ = std::min(monotonicMs() + ms_, end_); }
  int leftMs() const noexcept { return static_cast<int>(until_ - monotonicMs()); }

 private:
  int ms_;
  int64_t end_;
  int64_t until_ = 0;
};

}  // namespace

void Reactor::leave(int patienceMs) noexcept {
  Patience patience(patienceMs);
  for (const Ref<FrameSink>& sink : sinks_) sink->work();  // the answers of workers that lie in their rings
  std::vector<Connection*> waiting;
  std::vector<pollfd> polled;
  for (;;) {
    waiting.clear();
    polled.clear();
    for (Connection* c = withOutput_.front(); c != nullptr; c = withOutput_.after(c)) {
      if (!c->isOpen() || c->failed || !c->output) continue;
      waiting.push_back(c);
      polled.push_back({.fd = c->fd, .events = POLLOUT, .revents = 0});
    }
    const int left = patience.leftMs();
    if (polled.empty() || left <= 0) break;
    const int ready = ::poll(polled.data(), polled.size(), left);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    for (size_t i = 0; i < waiting.size(); i++) {
      Connection& connection = *waiting[i];
      if (polled[i].revents == 0 || !connection.isOpen() || connection.failed) continue;
      const uint64_t before = connection.endpoint->stats.bytesOut;
      if (connection.connecting) {
        finishConnect(connection);
      } else if (connection.output) {
        flushOutput(connection);
      }
      if (connection.endpoint->stats.bytesOut != before) patience.moved();
    }
  }
  // What a peer sends that is still sending meets a closed socket, and is answered by a reset. So it must have what was sent by
  // then; of a peer that is silent the kernel takes care after the exit.
  std::vector<std::pair<int, int>> sending;  // descriptor, bytes that its peer has not acknowledged
  for (auto& [id, endpoint] : endpoints_) {
    for (Connection* c = endpoint->connections.front(); c != nullptr; c = endpoint->connections.after(c)) {
      if (c->isOpen() && !c->connecting && emptyReceiveQueue(c->fd)) sending.emplace_back(c->fd, unacknowledged(c->fd));
    }
  }
  while (std::erase_if(sending, [](const auto& one) { return one.second == 0; }), !sending.empty()) {
    if (patience.leftMs() <= 0) return;
    constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};  // the kernel does not tell of acknowledgements
    ::nanosleep(&kPause, nullptr);
    for (auto& [fd, bytes] : sending) {
      emptyReceiveQueue(fd);
      const int left = unacknowledged(fd);
      if (left < bytes) patience.moved();
      bytes = left;
    }
  }
}

}  // namespace sluice
