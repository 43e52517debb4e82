// Time in nanoseconds: monotonic, and the CPU time of this process.
#pragma once

#include <cstdint>
#include <ctime>

namespace load {

constexpr std::int64_t kSecond = 1'000'000'000;

inline std::int64_t read_clock(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

inline std::int64_t now() noexcept { return read_clock(CLOCK_MONOTONIC); }

// While a load is sent: tells a load that the server held back from one that could not send faster.
class Stopwatch {
 public:
  std::int64_t elapsed() const noexcept { return now() - began_; }
  std::int64_t cpu() const noexcept { return read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_began_; }

 private:
  std::int64_t began_ = now();
  std::int64_t cpu_began_ = read_clock(CLOCK_PROCESS_CPUTIME_ID);
};

inline void sleep_until(std::int64_t deadline) noexcept {
  const timespec t{deadline / kSecond, deadline % kSecond};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) != 0) {
  }
}

// Deadlines around a mean interval, each between half and one and a half of it. A constant interval would run
// in step with the kernel's 4 ms tick, and the tick is what samples the division into user and system time:
// every sample would then see the same moment of the server's work.
class JitteredSchedule {
 public:
  explicit JitteredSchedule(std::int64_t mean) noexcept : mean_(mean), next_(now()) {}

  std::int64_t next() noexcept {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
    const double share = static_cast<double>(state_ >> 11) / static_cast<double>(std::uint64_t{1} << 53);
    next_ += static_cast<std::int64_t>(static_cast<double>(mean_) * (0.5 + share));
    return next_;
  }

 private:
  std::int64_t mean_;
  std::int64_t next_;
  std::uint64_t state_ = 42;
};

}  // namespace load
