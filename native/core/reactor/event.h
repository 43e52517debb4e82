// What a turn reports beside frames.
#pragma once

#include <cstdint>

#include "net/close_reason.h"

namespace sluice {

struct Endpoint;

enum class EventKind : uint8_t {
  kConnected = 1,        // accepted, or an outgoing connection is established
  kConnectFailed = 2,    // `error` is the errno value
  kDisconnected = 3,     // always the last word about a connection
  kDrained = 4,          // the output that somebody waits for is out
  kEndpointClosed = 5,   // after the last kDisconnected of an endpoint that was closed
  kDescriptorReady = 6,  // of a watched descriptor, whose number is in `slot`
  kRefused = 7,          // accepted, and ended before kConnected: `reason` says why. The last word about it
};

struct Event {
  EventKind kind;
  CloseReason reason;
  uint32_t endpoint;
  uint32_t slot;
  int32_t error;  // an errno value; of kConnected the generation, which no other connection in this slot has
};

/// Frames [firstFrame, firstFrame + frameCount) of the arena's table, all of one endpoint.
struct Batch {
  Endpoint* endpoint;
  uint32_t firstFrame;
  uint32_t frameCount;
  uint32_t bytes;
  uint64_t number;  // of the endpoint's batches: OutstandingBatches
};

}  // namespace sluice
