// One readiness event, the same for every poller.
#pragma once

#include <cstdint>

namespace sluice {

struct PollEvent {
  uint64_t token;
  bool readable;
  bool writable;
  bool hangup;
};

}  // namespace sluice
