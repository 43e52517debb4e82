// An endpoint: the connections that share a framing, limits and one consumer. A listener's accepted connections are
// one endpoint; a client's single connection is another.
#pragma once

#include <cstdint>
#include <utility>

#include "framing/framer.h"
#include "net/access_rules.h"
#include "net/admission.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/outstanding_batches.h"
#include "net/proxy_header.h"
#include "net/socket_options.h"
#include "threads/ref.h"

namespace sluice {

class ConnectionSpread;
class FrameSink;
class SharedCredit;

struct EndpointLimits {
  uint32_t connections = UINT32_MAX;
  uint32_t connectionsPerAddress = UINT32_MAX;
  uint32_t frameBytes = 1 << 20;
  uint64_t bufferedBytes = 64 << 20;    // read and not released, unfinished frames included
  uint64_t outputBytes = 16 << 20;      // of one connection
  uint64_t outputHighWater = 64 << 10;  // above it the connection is not read until its peer has caught up
  uint32_t outputStallMs = 60'000;
  // Each 0: no limit. See reactor/timing.cc.
  uint32_t idleMs = 0;
  uint32_t firstFrameMs = 0;
  uint32_t frameMs = 0;
  uint32_t bytesPerSecondMin = 0;
  double framesPerSecond = 0;
  double frameBurst = 0;
  bool closesOverRate = false;    // else its reading pauses
  uint32_t handshakeMs = 10'000;  // from the accept until it counts as a connection

  bool timeConnections() const noexcept {
    return idleMs > 0 || firstFrameMs > 0 || frameMs > 0 || bytesPerSecondMin > 0 || framesPerSecond > 0;
  }
};

/// What becomes of frames while the consumer is behind.
enum class Overflow : uint8_t { kPause, kDropNewest, kDisconnect };

struct EndpointOptions {
  EndpointLimits limits;
  SocketOptions socket;
  bool allowHalfOpen = false;
  Ref<TransportFactory> transports;  // none: the connections are plain
  Ref<AccessRules> access;           // none: everybody may connect
  Ref<ProxyPolicy> proxies;          // none: no PROXY header is looked for
  Overflow overflow = Overflow::kPause;
  /// Batches that may be out at once, at most OutstandingBatches::kMax. More than one lets a reactor on a thread of its
  /// own read the next while the consumer has the first.
  uint32_t maxBatches = 1;
};

/// Counters since the endpoint opened. JavaScript reads them as doubles, in this order (lib/net/stats.ts).
struct EndpointStats {
  uint64_t accepted = 0;
  uint64_t refusedByLimit = 0;
  uint64_t refusedByAddress = 0;
  uint64_t refusedByDescriptors = 0;
  uint64_t acceptBackOffs = 0;
  uint64_t closed = 0;
  uint64_t frames = 0;
  uint64_t batches = 0;
  uint64_t bytesIn = 0;
  uint64_t bytesOut = 0;
  uint64_t refusedByAccess = 0;
  uint64_t dropped = 0;  // frames, by the overflow policy
  uint64_t faults = 0;   // connections closed for what their peer did or because a limit was reached
};

struct Endpoint {
  Endpoint(uint32_t id, Framer framer, EndpointOptions options)
      : id(id), framer(std::move(framer)), options(options), access(options.access), transports(options.transports) {}

  const uint32_t id;
  const Framer framer;
  const EndpointOptions options;

  Ref<AccessRules> access;     // as in the options, until somebody replaces it
  bool tellsRefusals = false;  // kRefused is reported of those, too, that were refused at the accept
  uint64_t behindAtMs =
      0;  // with an overflow policy, while all batches are out and frames wait: when it counts as behind
  Listener listener;
  Ref<Admission> admission;          // of a listener; shared with its parts on other reactors
  Ref<TransportFactory> transports;  // as in the options, until somebody replaces it for new connections
  Ref<ConnectionSpread> spread;      // gives accepted connections to other reactors
  bool acceptable = false;           // the backlog may hold a connection
  uint64_t acceptAgainAtMs = 0;      // after a back-off; 0: at once
  uint32_t backOffMs = 0;

  bool reading = false;  // a consumer takes batches
  bool queued = false;   // stands in the reactor's list of endpoints with work
  bool closing = false;  // forget the endpoint once its last connection is gone

  bool draining = false;   // connections are closed as they fall silent
  uint32_t quietMs = 0;    // for so long
  uint64_t sweepAtMs = 0;  // when the silent ones are looked for next

  Ref<FrameSink> sink;     // takes frames elsewhere, and says when a connection whose peer has ended is to end
  bool feedsSink = false;  // frames go to the sink at once; else the consumer of batches puts them there

  ReadyList ready;
  SiblingList connections;
  SettleList settling;
  uint32_t connectionCount = 0;  // slots that are taken, by those too whose end is not reported yet
  uint32_t openConnections = 0;
  uint64_t partialBytes = 0;  // of unfinished frames
  OutstandingBatches batches;
  Ref<SharedCredit> credit;  // of a listener on several reactors
  uint32_t creditPart = 0;
  bool awaitsCredit = false;  // the other parts hold the whole budget
  uint64_t queuedOutput = 0;  // of all connections
  EndpointStats stats;

  /// Whether its connections are accepted ones.
  bool accepts() const noexcept { return static_cast<bool>(admission); }
  /// Bytes read and not released.
  uint64_t heldBytes() const noexcept { return partialBytes + batches.bytes(); }
  /// While a batch is out, its release can make room; without one, nothing could. A sink gets frames only behind those of
  /// the batches that are still out.
  bool mayRead() const noexcept {
    if (feedsSink) return reading && batches.none();
    return reading &&
           (batches.none() || (batches.count() < options.maxBatches && heldBytes() < options.limits.bufferedBytes));
  }
};

}  // namespace sluice
