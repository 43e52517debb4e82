#include "report.h"

#include <cinttypes>
#include <cstdio>

namespace load {

void report_load(std::size_t connections, const Tally& sent, const Payload& payload, const Stopwatch& watch) noexcept {
  std::printf("{\"connections\":%zu,\"frames\":%" PRIu64 ",\"sum\":%" PRIu64 ",\"bytes\":%" PRIu64, connections,
              sent.frames, sent.sum, sent.frames * payload.line_bytes());
  std::printf(",\"elapsedNs\":%" PRId64 ",\"cpuNs\":%" PRId64 "}\n", watch.elapsed(), watch.cpu());
}

}  // namespace load
