#include "reactor/lingering.h"

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice {

bool discardInput(int fd, uint32_t& bytes, uint32_t max) noexcept {
  static thread_local uint8_t nowhere[64 * 1024];
  while (bytes < max) {
    const ssize_t count = ::recv(fd, nowhere, sizeof nowhere, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    bytes += static_cast<uint32_t>(count);
  }
  return false;
}

Lingering::~Lingering() {
  while (Socket* socket = byAge_.front()) close(*socket);
}

Lingering::Socket& Lingering::allocate() {
  if (free_.empty()) {
    const auto index = static_cast<uint32_t>(sockets_.size());
    sockets_.push_back(std::make_unique<Socket>());
    sockets_.back()->index = index;
    free_.push_back(index);
  }
  Socket& socket = *sockets_[free_.back()];
  free_.pop_back();
  return socket;
}

void Lingering::add(Poller& poller, int fd, uint64_t untilMs, uint64_t (*token)(uint32_t)) noexcept {
  if (size_ == kMaxSockets) close(*byAge_.front());
  Socket& socket = allocate();
  socket.fd = fd;
  socket.bytes = 0;
  size_++;
  byAge_.pushBack(&socket);
  wheel_.arm(socket, untilMs);
  poller.remove(fd);
  // Registered first and read then, so that nothing falls between.
  if (poller.add(fd, token(socket.index)) != 0 || !discard(socket)) close(socket);
}

void Lingering::ready(uint32_t index) noexcept {
  if (index >= sockets_.size()) return;
  Socket& socket = *sockets_[index];
  if (socket.fd >= 0 && !discard(socket)) close(socket);
}

void Lingering::expire(uint64_t nowMs) noexcept {
  while (Socket* socket = wheel_.popDue(nowMs)) close(*socket);
}

void Lingering::close(Socket& socket) noexcept {
  ::close(socket.fd);
  socket.fd = -1;
  size_--;
  byAge_.remove(&socket);
  wheel_.disarm(socket);
  free_.push_back(socket.index);
}

}  // namespace sluice
