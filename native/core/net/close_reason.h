// Why a connection ended. The numbers travel to JavaScript: lib/net/disconnect-reason.ts has the same list.
#pragma once

#include <cstdint>

namespace sluice {

enum class CloseReason : uint8_t {
  kNone = 0,
  kPeerEnded = 1,       // the peer ended its side, and everything was delivered
  kDestroyed = 2,       // the program destroyed the connection
  kListenerClosed = 3,  // the program closed the listener
  kFrameTooLarge = 4,
  kFrameMalformed = 5,
  kFrameTruncated = 6,      // the peer ended its side in the middle of a frame
  kOutputLimit = 7,         // more output was added while the queue was over its limit
  kOutputStalled = 8,       // the peer took none of its output for too long
  kBufferLimit = 9,         // unfinished frames filled the listener's budget and this connection held the most
  kDrained = 10,            // finished at a drain
  kDrainTimeout = 11,       // cut at the end of a drain
  kSystem = 12,             // a system call failed; the errno value stands beside it
  kLaneFull = 13,           // the lane that its frames go to is full, and the program chose that
  kIdleTimeout = 15,        // nothing passed for limits.idleMs
  kFirstFrameTimeout = 16,  // no whole frame in time after the beginning
  kFrameTimeout = 17,       // a frame began and did not end in time
  kTooSlow = 18,            // in the middle of a frame, fewer bytes a second than asked for
  kFrameRate = 19,          // more frames a second than allowed, and the program chose that
  kHandshakeTimeout = 20,   // it did not become a connection in time: a handshake, or a PROXY header
  kProxyHeader = 21,        // a PROXY header that is none, or none where one is required
  kOverflow = 22,           // the consumer is behind, and the program chose that
  // Of kRefused alone:
  kConnectionLimit = 23,
  kAddressLimit = 24,
  kAccessDenied = 25,
  kTransport = 14,  // the transport failed, in its handshake or later; it has the words
};

}  // namespace sluice
