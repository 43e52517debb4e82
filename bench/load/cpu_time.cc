// The one exact figure the kernel keeps of another process: its CPU clock, in nanoseconds, from the
// scheduler's own accounting. /proc/PID/stat counts in ticks of 10 ms, and /proc/PID/schedstat covers the
// main thread only.
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "clock.h"
#include "modes.h"
#include "socket.h"

namespace load {

int print_cpu_time(int pid) {
  clockid_t clock{};
  const int error = ::clock_getcpuclockid(pid, &clock);
  timespec used{};
  if (error != 0) errno = error;
  if (error != 0 || ::clock_gettime(clock, &used) != 0) die("clock_getcpuclockid");
  std::printf("{\"cpuNs\":%" PRId64 "}\n", used.tv_sec * kSecond + used.tv_nsec);
  return 0;
}

}  // namespace load
