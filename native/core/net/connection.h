// One stream connection: the reactor's record of it.
//
// Records lie in a table and are used again. `slot` names the place, `generation` the tenant: an event or a write for
// an earlier tenant is recognised and ignored. A slot is free for a new tenant only after JavaScript was told that the
// old one ended, so a slot number alone is a safe name on the JavaScript side.
#pragma once

#include <cstdint>
#include <memory>

#include "net/address.h"
#include "net/close_reason.h"
#include "net/connection_timers.h"
#include "net/intrusive_list.h"
#include "net/output_queue.h"
#include "net/partial_frame.h"
#include "net/proxy_header.h"
#include "transport/plain.h"

namespace sluice {

struct Endpoint;

struct Connection {
  int fd = -1;
  uint32_t slot = 0;
  uint32_t generation = 0;
  int32_t systemError = 0;
  Endpoint* endpoint = nullptr;

  bool connecting : 1 = false;      // connect(2) is under way
  bool awaitsProxy : 1 = false;     // a PROXY header comes first
  bool isCounted : 1 = true;        // counts towards the limit of connections of its address
  bool heldByRate : 1 = false;      // not read while it is over its frames a second
  bool handshaking : 1 = false;     // the transport is not open yet: nothing is read or written
  bool announced : 1 = false;       // kConnected was reported
  bool isUnix : 1 = false;          // the socket is of unix(7), whatever address its peer is known by
  bool urgent : 1 = false;          // urgent data lies in the stream, and a read may stop in front of it
  bool readable : 1 = false;        // a read may find something
  bool hangup : 1 = false;          // the poller saw the end or an error: a short read does not clear `readable`
  bool readEnded : 1 = false;       // recv answered 0
  bool endRequested : 1 = false;    // end() was called: FIN once the output is out
  bool writeEnded : 1 = false;      // FIN was sent
  bool closeWhenSent : 1 = false;   // nothing more to read: close once the output is out
  bool failed : 1 = false;          // a fault: close without waiting for the output
  bool wantsDrain : 1 = false;      // somebody waits for the output to be out
  bool heldByOutput : 1 = false;    // not read while the peer leaves too much output lying
  bool endAnnounced : 1 = false;    // the sink was told that the peer has ended
  bool heldByConsumer : 1 = false;  // not read while the consumer has no room for its frames
  bool heldByProgram : 1 = false;   // pause() was called: not read until resume()
  bool discards : 1 = false;        // what arrives is read and thrown away, up to Lingering::kMaxBytes
  bool wasReady : 1 = false;        // when it was held, it stood in the list of those that can be read
  bool active : 1 = false;          // traffic since the last sweep of a drain
  CloseReason reason = CloseReason::kNone;
  uint32_t discarded = 0;    // bytes
  uint32_t lingerMs = 0;     // how long its socket is kept after our side has ended, see Lingering
  uint64_t settleAfter = 0;  // while it settles: the last batch that may hold its frames

  std::unique_ptr<ConnectionTimers> timers;  // only while something has to happen in time
  std::unique_ptr<ProxyInfo> proxy;          // of one that came through a proxy
  std::unique_ptr<Transport> layer;          // none: the stream passes as it is
  PartialFrame partial;
  std::unique_ptr<OutputQueue> output;  // only while something could not be sent
  PeerAddress peer;
  int32_t firstPiece = -1;  // this connection's part of the output that is being written, see Reactor::write
  int32_t lastPiece = -1;

  ListLink<Connection> readyLink;    // the endpoint's connections that can be read
  ListLink<Connection> siblingLink;  // all of the endpoint's connections
  ListLink<Connection> settleLink;   // those to be closed when the batch in hand is released
  ListLink<Connection> stallLink;    // the reactor's connections with output left over

  bool isOpen() const noexcept { return fd >= 0; }
  bool isHeld() const noexcept { return heldByOutput || heldByConsumer || heldByProgram || heldByRate || discards; }
  size_t outputBytes() const noexcept { return output ? output->size() + transport().unsent() : 0; }
  Transport& transport() const noexcept { return layer ? *layer : PlainTransport::shared(); }

  /// Whether a read that brought less than was asked for has emptied the socket, so that no second one has to find EAGAIN
  /// (epoll(7), "Questions and answers", 9). A read of a TCP socket stops early in one more case only: in front of urgent
  /// data. That was there when the poller reported it (then `urgent` is set), or it comes later, as an event of its own. A
  /// read of a unix(7) socket stops wherever ancillary data lies, and tells nobody. And a layer in between has buffers.
  /// When the end was announced, only a read of 0 proves that it is reached.
  bool shortReadProves() const noexcept { return !hangup && !urgent && !layer && !isUnix; }
};

using ReadyList = IntrusiveList<Connection, &Connection::readyLink>;
using SiblingList = IntrusiveList<Connection, &Connection::siblingLink>;
using SettleList = IntrusiveList<Connection, &Connection::settleLink>;
using StallList = IntrusiveList<Connection, &Connection::stallLink>;

}  // namespace sluice
