// What passes between a reactor on a thread of its own and its consumer, in both directions.
//
// A Delivery is a turn's outcome: an arena with the batches in it, and events. A Reply is what the consumer has to say:
// output, batches that are done with, memory to read into. Each lies in a mailbox of its own, so each direction is in
// order, and who holds a Delivery or a Reply has it to itself. Both are used again, with the memory that they have.
#pragma once

#include <cstdint>
#include <memory>
#include <unistd.h>
#include <vector>

#include "net/address.h"
#include "reactor/arena.h"
#include "reactor/event.h"
#include "reactor/reactor.h"

namespace sluice {

/// An arena that the consumer has lent; it knows it by number. Whoever holds the struct may touch the memory.
struct LentArena {
  uint32_t number = 0;  // 0: none
  Arena arena;
};

/// As Batch, but good for another thread: the endpoint is named, not pointed to.
struct DeliveredBatch {
  uint32_t endpoint;
  uint32_t firstFrame;
  uint32_t frameCount;
};

struct Delivery {
  LentArena arena;
  bool arenaWasFull = false;
  uint32_t wantedBytes = 0;  // the next frame needs an arena of this size; 0: none is missing
  std::vector<DeliveredBatch> batches;
  std::vector<Event> events;

  void clear() noexcept {
    arena = {};
    arenaWasFull = false;
    wantedBytes = 0;
    batches.clear();
    events.clear();
  }
};

/// A connection that another reactor accepted. Owns the descriptor until the reactor adopts it.
struct AcceptedConnection {
  uint32_t endpoint;
  int fd;
  PeerAddress peer;

  AcceptedConnection(uint32_t endpoint, int fd, const PeerAddress& peer) noexcept
      : endpoint(endpoint), fd(fd), peer(peer) {}
  AcceptedConnection(AcceptedConnection&& from) noexcept : endpoint(from.endpoint), fd(from.fd), peer(from.peer) {
    from.fd = -1;
  }
  AcceptedConnection& operator=(AcceptedConnection&&) = delete;
  ~AcceptedConnection() {
    if (fd >= 0) ::close(fd);
  }
};

/// Applied in the order of the members: output goes before the release that lets a connection close.
struct Reply {
  std::vector<OutputPiece> pieces;
  std::vector<uint8_t> bytes;       // what the pieces are pieces of
  int32_t outputEpoch = 0;          // the consumer's name for this output
  std::vector<uint32_t> ended;      // slots
  std::vector<uint32_t> destroyed;  // slots
  std::vector<uint32_t> released;   // endpoints, once for each batch
  std::unique_ptr<Delivery> done;   // its events have arrived; its arena, if it still holds one, may be filled again
  std::vector<LentArena> arenas;
  struct Reading {
    uint32_t endpoint;
    bool on;
  };
  std::vector<Reading> reading;
  std::vector<AcceptedConnection> accepted;
  std::vector<uint32_t> credit;  // endpoints whose SharedCredit has changed

  void clear() noexcept {
    pieces.clear();
    bytes.clear();
    if (bytes.capacity() > kKeepBytes) bytes.shrink_to_fit();
    ended.clear();
    destroyed.clear();
    released.clear();
    done.reset();
    arenas.clear();
    reading.clear();
    accepted.clear();
    credit.clear();
  }

  static constexpr size_t kKeepBytes = 512 * 1024;
};

}  // namespace sluice
