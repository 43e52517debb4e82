// A listening stream socket that survives running out of descriptors.
//
// At EMFILE or ENFILE a connection cannot be accepted, yet stays in the backlog and keeps the socket ready: a loop
// that merely ignores the error spins. The listener holds one descriptor in reserve; it gives that up for a moment,
// accepts the connection, closes it, and takes the reserve back. The client sees an orderly close instead of a hang.
// When even that fails, the caller is told to come back later.
#pragma once

#include <cstdint>

#include "net/address.h"

namespace sluice {

struct ListenOptions {
  int backlog = 4096;
  bool reusePort = false;
  bool letOthersJoin = false;  // takes the port for itself, then lets further sockets of this user share it
  bool ipv6Only = false;
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
  Accepted accept() noexcept;
  void close() noexcept;

  int fd() const noexcept { return fd_; }
  bool isOpen() const noexcept { return fd_ >= 0; }
  /// The address bound, with the port that the system picked.
  const SocketAddress& address() const noexcept { return address_; }

 private:
  Accepted refuseWithReserve() noexcept;

  int fd_ = -1;
  int reserve_ = -1;
  SocketAddress address_;
  uint64_t unixDevice_ = 0;  // which file to unlink at close: not one that somebody else put there since
  uint64_t unixInode_ = 0;
};

}  // namespace sluice
