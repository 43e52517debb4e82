// How the bytes of a connection pass between its socket and its framing: as they are (plain.h), or through a protocol such
// as TLS.
//
// The contract, for the reactor and for whoever writes a transport:
//
//  - A transport belongs to one connection and is called by its reactor's thread only. It never blocks, never calls back, and
//    does not own the descriptor, which it is given with each call. PlainTransport has no state, so all connections share one.
//  - Readiness is edge-triggered and covers both directions. kWait says: nothing more now, call again after the next event
//    of the descriptor, whichever direction it names. So a transport that must write before it can read (or the other way
//    round) keeps that to itself. It answers kWait only after a system call has answered EAGAIN.
//  - handshake() comes first, until it answers kDone; with the plain transport at once. No other method but failure() is
//    called before.
//  - receive() puts the stream's bytes where the reactor wants them, usually straight into the arena. What the transport has
//    read from the socket and not given out is pending(). The reactor calls receive() until it answers something else than
//    kDone, so nothing is stranded; but while a connection is paused nobody asks, and a transport therefore holds a
//    bounded amount: one record.
//  - send() takes bytes of gathered pieces, from the front, as many as it can. Taken bytes are the transport's and are never
//    offered again; the caller keeps all others. Bytes that were taken and are not on the wire are unsent(). While there
//    are any, and after any other call that left some behind, the reactor calls send() again when the descriptor becomes
//    writable, with `count` 0 if it has nothing of its own. A transport holds about one record, then takes nothing more.
//  - end() closes the sending direction in good order, behind everything that send() took. kWait: call it again later.
//  - kFailed is final, and what the protocol still owes the peer (an alert) was given to the socket before. failure() then says in words what the protocol's own library said; it is empty when a system call
//    failed, whose errno value the result carries.
//  - The destructor closes nothing on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <sys/uio.h>

#include "threads/ref.h"

namespace sluice {

class Transport {
 public:
  enum class Io : uint8_t {
    kDone,    // it did what it could; for receive(): at least one byte
    kWait,    // nothing before the descriptor's next event
    kEnded,   // receive() only: the peer has ended its side in good order
    kFailed,  // for good
  };
  struct Received {
    Io outcome;
    /// The source had no more than `bytes`, by the evidence of a short read. See Connection::shortReadProves().
    bool wasShort = false;
    uint32_t bytes = 0;
    int error = 0;
  };
  struct Sent {
    Io outcome;  // kDone or kFailed; nothing taken is kDone with 0
    size_t bytes = 0;
    int error = 0;
  };
  struct Step {
    Io outcome;
    int error = 0;
  };

  virtual ~Transport() = default;

  virtual Step handshake(int fd) noexcept = 0;
  virtual Received receive(int fd, uint8_t* into, uint32_t length) noexcept = 0;
  virtual Sent send(int fd, const iovec* pieces, int count) noexcept = 0;
  virtual Step end(int fd) noexcept = 0;

  /// Bytes read from the socket that receive() has not given out.
  virtual size_t pending() const noexcept { return 0; }
  /// Bytes for the wire that the socket has not taken.
  virtual size_t unsent() const noexcept { return 0; }
  /// Why it failed, in the words of the protocol's library. Good for as long as the transport lives.
  virtual std::string_view failure() const noexcept { return {}; }
};

/// Makes the transports of an endpoint's connections. Shared by the reactors that the endpoint's connections live on.
class TransportFactory : public RefCounted {
 public:
  /// For a connection that was accepted (`accepting`) or connected. Null when memory ran out.
  virtual std::unique_ptr<Transport> make(bool accepting) noexcept = 0;
};

}  // namespace sluice
