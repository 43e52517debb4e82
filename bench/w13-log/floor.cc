// The floor of W13: a preallocated file, one pwrite for all that is in flight, and one fdatasync where it is asked for; or one pread for
// 256 KiB and a look at each record. No records' headers, no checksums, nobody to wake.
//
//   floor IN_FLIGHT COUNT BYTES sync|os|read DIRECTORY

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint64_t append(int fd, uint64_t at, const std::vector<char>& group, uint64_t bytes, uint64_t count, uint64_t inFlight,
                bool syncs) {
  for (uint64_t done = 0; done < count;) {
    const uint64_t records = std::min(inFlight, count - done);
    if (::pwrite(fd, group.data(), records * bytes, static_cast<off_t>(at)) < 0) fail("pwrite");
    if (syncs && ::fdatasync(fd) < 0) fail("fdatasync");
    at += records * bytes;
    done += records;
  }
  return at;
}

}  // namespace

int main(int, char** words) {
  const uint64_t inFlight = std::strtoull(words[1], nullptr, 10);
  const uint64_t count = std::strtoull(words[2], nullptr, 10);
  const uint64_t bytes = std::strtoull(words[3], nullptr, 10);
  const std::string way = words[4];
  const std::string path = std::string(words[5]) + "/w13-floor-" + std::to_string(::getpid());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) fail("open");
  ::unlink(path.c_str());
  const uint64_t warmUp = std::min(count, 2 * inFlight);
  const uint64_t total = (count + (way == "read" ? 0 : warmUp)) * bytes;
  if (::fallocate(fd, 0, 0, static_cast<off_t>(total)) < 0) fail("fallocate");
  ::fsync(fd);
  const std::vector<char> group(inFlight * bytes, 'x');
  uint64_t at = append(fd, 0, group, bytes, way == "read" ? count : warmUp, inFlight, way == "sync");
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 1;
  const auto began = std::chrono::steady_clock::now();
  uint64_t checksum = count * 'x';
  if (way == "read") {
    checksum = 0;
    std::vector<char> arena(256 * 1024 / bytes * bytes);
    for (at = 0; at < total;) {
      const ssize_t got = ::pread(fd, arena.data(), arena.size(), static_cast<off_t>(at));
      if (got <= 0) fail("pread");
      for (ssize_t i = 0; i < got; i += static_cast<ssize_t>(bytes))
        checksum += static_cast<uint8_t>(arena[static_cast<size_t>(i)]);
      at += static_cast<uint64_t>(got);
    }
  } else {
    append(fd, at, group, bytes, count, inFlight, way == "sync");
  }
  const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - began);
  std::printf("{\"operations\":%llu,\"checksum\":%llu,\"elapsedNs\":%lld}\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(checksum), static_cast<long long>(elapsed.count()));
}
