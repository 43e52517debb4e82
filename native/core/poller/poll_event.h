// One readiness event, the same for every poller.
#pragma once

#include <cstdint>

namespace sluice {

struct PollEvent {
  uint64_t token;
  bool readable;
  bool writable;
  bool hangup;
  bool urgent;  // TCP urgent data is in the stream: a read may stop in front of it
};

}  // namespace sluice
