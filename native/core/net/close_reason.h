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
  kFrameTruncated = 6,  // the peer ended its side in the middle of a frame
  kOutputLimit = 7,     // more output was added while the queue was over its limit
  kOutputStalled = 8,   // the peer took none of its output for too long
  kBufferLimit = 9,     // unfinished frames filled the listener's budget and this connection held the most
  kDrained = 10,        // finished at a drain
  kDrainTimeout = 11,   // cut at the end of a drain
  kSystem = 12,         // a system call failed; the errno value stands beside it
  kLaneFull = 13,       // the lane that its frames go to is full, and the program chose that
  kTransport = 14,      // the transport failed, in its handshake or later; it has the words
};

}  // namespace sluice
