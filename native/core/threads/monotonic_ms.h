// The clock that reactors go by: CLOCK_MONOTONIC in milliseconds, which is libuv's uv_now() too.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice {

inline uint64_t monotonicMs() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace sluice
