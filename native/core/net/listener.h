// A listening stream socket that survives running out of descriptors.
//
// At EMFILE or ENFILE a connection cannot be accepted, yet stays in the backlog and keeps the socket ready: a loop
// that merely ignores the error spins. The listener holds one descriptor in reserve; it gives that up for a moment,
// accepts the connection, closes it, and takes the reserve back. The client sees an orderly close instead of a hang.
// When even that fails, the caller is told to come back later.
#pragma once

#include <cstdint>
#include <string>

#include "net/address.h"

namespace sluice {

struct ListenOptions {
  int backlog = 4096;
  bool reusePort = false;
  bool ipv6Only = false;
  int fd = -1;                // a socket that was opened elsewhere, in place of an address
  int mode = -1;              // permissions of a unix socket's file; -1: what the umask leaves
  bool replaceStale = false;  // takes the place of a unix socket's file that nobody listens on
};

class Listener {
 public:
  enum class Outcome : uint8_t {
    kAccepted,
    kEmpty,    // the backlog is empty: wait for readiness
    kRefused,  // no descriptor was free; the connection was accepted and closed
    kBackOff,  // the system can't give anything now: try again after a pause
  };
  struct Accepted {
    Outcome outcome;
    int fd;
    PeerAddress peer;
  };

  Listener() noexcept = default;
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Whether the system deals new connections out among the sockets that share a port: Linux does, socket(7).
  static bool systemSpreads(int family) noexcept;
  /// Returns 0 or an errno value; nothing stays open on failure.
  int open(const SocketAddress& address, const ListenOptions& options) noexcept;
  /// Takes a stream socket over that is bound already, and may listen already: systemd's, or a parent's. Returns 0 or an errno
  /// value (ENOTSOCK; EPROTONOSUPPORT for a socket that is not of a stream; EINVAL for one that can't listen); on failure the
  /// descriptor is left as it was.
  int take(int fd, const ListenOptions& options) noexcept;
  Accepted accept() noexcept;
  void close() noexcept;

  int fd() const noexcept { return fd_; }
  bool isOpen() const noexcept { return fd_ >= 0; }
  /// The address bound, with the port that the system picked.
  const SocketAddress& address() const noexcept { return address_; }

 private:
  Accepted refuseWithReserve() noexcept;
  int bind(const SocketAddress& address, const ListenOptions& options) noexcept;
  int claimPath(const SocketAddress& address, const ListenOptions& options) noexcept;

  int fd_ = -1;
  int reserve_ = -1;
  SocketAddress address_;
  std::string unixFile_;     // what to unlink at close, absolute: the working directory may be another by then
  uint64_t unixDevice_ = 0;  // which file that was: not one that somebody else put there since
  uint64_t unixInode_ = 0;
};

}  // namespace sluice
