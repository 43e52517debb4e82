// Client sockets of the load generator: owned, connected, or an error that says which call failed and why.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <utility>

#include "options.h"

namespace load {

class Socket {
 public:
  Socket() noexcept = default;
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

// Prints `what` and errno's text to standard error and ends the process with status 1. A load that could not
// be delivered whole has no other use, so there is nothing to unwind to.
[[noreturn]] void die(const char* what) noexcept;

// Connects connection number `index`, blocking. TCP sockets get TCP_NODELAY.
//
// Source addresses go round 127.0.0.1 to 127.0.0.4: the kernel's default range has 28,232 ephemeral ports for
// each (source, destination) pair, which the connections of one run and those of the last one in TIME_WAIT
// can exhaust.
Socket connect_to(const Options& options, std::size_t index) noexcept;

void set_nonblocking(int fd) noexcept;

// A blocking send or receive fails with EAGAIN after `seconds` instead of waiting for a server that hangs.
void set_timeouts(int fd, unsigned seconds) noexcept;

// Half-closes the socket: the server reads end of stream after the last frame.
void finish_sending(int fd) noexcept;

// Reads what the server still says, until it closes; dies on a reset, which would mean frames were lost.
// Returns false where a nonblocking socket has to wait.
bool read_until_closed(int fd) noexcept;

}  // namespace load
