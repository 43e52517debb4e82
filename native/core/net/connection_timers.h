// The moments of a connection that its limits go by. See reactor/timing.cc.
#pragma once

#include <cstdint>

#include "threads/deadline_wheel.h"

namespace sluice {

struct Connection;

struct ConnectionTimers {
  Connection* connection = nullptr;
  Deadline<ConnectionTimers> deadline;  // the first of those that follow from the moments below
  uint64_t beganMs = 0;                 // it was accepted; from kConnected on, that moment
  uint64_t lastTrafficMs = 0;           // in either direction
  uint64_t frameBeganMs = 0;            // 0: no frame is unfinished
  uint64_t waitsSinceMs = 0;            // since when bytes wait that we have not read; 0: none do
  uint64_t spanBeganMs = 0;             // of the measuring of bytes a second
  uint64_t spanBytes = 0;
  double tokens = 0;  // frames that it may send now
  uint64_t tokensAtMs = 0;
  bool hadFrame = false;
};

}  // namespace sluice
