// Sockets whose connections are over, kept for a moment so that what was sent last arrives.
//
// close(2) of a TCP socket with unread input, or whose peer goes on sending, sends a reset, and a reset makes the peer's
// system throw away what it has received and not yet given out (RFC 9112, section 9.6, has the same problem and the same
// answer). So after the end of our side was sent, what still comes is read and thrown away until the peer ends its side
// too, or a bound is reached: a time, a number of bytes, and a number of such sockets, of which the oldest then goes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "poller/poller.h"
#include "threads/deadline_wheel.h"

namespace sluice {

/// Reads what has come on `fd` and throws it away, while `bytes`, which it adds to, is below `max`. False when nothing more
/// can come, or the bound is reached.
bool discardInput(int fd, uint32_t& bytes, uint32_t max) noexcept;

class Lingering {
 public:
  static constexpr uint32_t kMaxSockets = 1024;
  static constexpr uint32_t kMaxBytes = 4 << 20;  // of one socket

  Lingering() = default;
  ~Lingering();
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;

  /// Takes `fd` over, whose sending side is ended. `token(index)` is by what the poller names it from here on.
  void add(Poller& poller, int fd, uint64_t untilMs, uint64_t (*token)(uint32_t index)) noexcept;
  /// The poller has an event for the one with this index, or had one for an earlier one.
  void ready(uint32_t index) noexcept;
  /// Closes those whose time is over.
  void expire(uint64_t nowMs) noexcept;
  uint64_t nextMs() const noexcept { return wheel_.nextMs(); }
  uint32_t size() const noexcept { return size_; }

 private:
  struct Socket {
    int fd = -1;
    uint32_t index = 0;
    uint32_t bytes = 0;
    Deadline<Socket> deadline;
    ListLink<Socket> ageLink;
  };

  Socket& allocate();
  void close(Socket& socket) noexcept;
  static bool discard(Socket& socket) noexcept { return discardInput(socket.fd, socket.bytes, kMaxBytes); }

  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<uint32_t> free_;
  uint32_t size_ = 0;
  IntrusiveList<Socket, &Socket::ageLink> byAge_;
  DeadlineWheel<Socket, &Socket::deadline> wheel_;
};

}  // namespace sluice
