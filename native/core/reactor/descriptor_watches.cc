#include "reactor/descriptor_watches.h"

#include <cerrno>
#include <poll.h>

namespace sluice {

int DescriptorWatches::look(int fd, uint32_t interest) noexcept {
  const bool reads = (interest & Readiness::kReadable) != 0;
  const bool writes = (interest & Readiness::kWritable) != 0;
  pollfd asked{.fd = fd,
               .events = static_cast<int16_t>((reads ? POLLIN | POLLRDHUP : 0) | (writes ? POLLOUT : 0)),
               .revents = 0};
  int count;
  do {
    count = ::poll(&asked, 1, 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  const int found = asked.revents;
  if ((found & POLLNVAL) != 0) return -EBADF;
  uint32_t readiness = 0;
  if (reads && (found & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0) readiness |= Readiness::kReadable;
  if (writes && (found & (POLLOUT | POLLHUP | POLLERR)) != 0) readiness |= Readiness::kWritable;
  if ((found & (POLLRDHUP | POLLHUP | POLLERR)) != 0) readiness |= Readiness::kHangup;
  return static_cast<int>(readiness);
}

int DescriptorWatches::stillArmed(int fd, uint32_t interest) noexcept {
  return poller_.rearm(fd, static_cast<uint32_t>(fd), (interest & Readiness::kReadable) != 0,
                       (interest & Readiness::kWritable) != 0);
}

int DescriptorWatches::arm(int fd, uint32_t interest) noexcept {
  const int error = stillArmed(fd, interest);
  if (error != ENOENT) return error;
  return poller_.armOnce(fd, static_cast<uint32_t>(fd), (interest & Readiness::kReadable) != 0,
                         (interest & Readiness::kWritable) != 0);
}

void DescriptorWatches::harvest(std::vector<Event>& events) noexcept {
  std::span<const PollEvent> ready;
  do {  // until none is left: the reactor's poller reports this one on an edge
    ready = poller_.harvest(0);
    for (const PollEvent& event : ready) {
      events.push_back({EventKind::kDescriptorReady, CloseReason::kNone, 0, static_cast<uint32_t>(event.token), 0});
    }
  } while (ready.size() == Poller::kMaxEvents);
}

}  // namespace sluice
