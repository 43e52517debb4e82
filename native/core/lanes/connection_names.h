// The native half of lib/lanes/connection-names.ts: connections by name, in shared memory, so that a worker finds a
// connection's address, and whether it is still there, without asking anybody.
//
// A name is an index and a generation. The reactor that has the connection writes its entry and nobody else does. The
// address is written before the generation, which is what a reader that has the name compares.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstring>

#include "net/connection.h"
#include "queue/layout.h"
#include "queue/shared_words.h"

namespace sluice {

class ConnectionNames {
 public:
  ConnectionNames(uint32_t* words, uint32_t count) noexcept : words_(words), count_(count) {}

  uint32_t count() const noexcept { return count_; }

  void open(uint32_t index, const Connection& connection) const noexcept {
    const PeerAddress& peer = connection.peer;
    const uint32_t family = peer.family == AF_INET    ? layout::kNameIpv4
                            : peer.family == AF_INET6 ? layout::kNameIpv6
                                                      : layout::kNameUnix;
    const uint32_t at = index * layout::kNameWords;
    // Relaxed: ordered by the store behind them; atomic, since who holds the name of an earlier tenant may be reading.
    words_.storeRelaxed(at + layout::kNamePortAndFamily, uint32_t{peer.port} << 2 | family);
    for (uint32_t i = 0; i < peer.ip.size() / 4; i++) {
      uint32_t word;
      std::memcpy(&word, peer.ip.data() + size_t{4} * i, 4);
      words_.storeRelaxed(at + layout::kNameAddress + i, word);
    }
    words_.storeRelaxed(at + layout::kNameScope, peer.scope);
    words_.store(at + layout::kNameGeneration, connection.generation);
  }

  /// Whoever still has the name names nobody.
  void close(uint32_t index) const noexcept { words_.store(index * layout::kNameWords + layout::kNameGeneration, 0); }

 private:
  SharedWords words_;
  uint32_t count_;
};

}  // namespace sluice
