// W9: connections that say nothing, held open while the harness reads the server's memory.
#include <cstdio>
#include <vector>

#include "clock.h"
#include "modes.h"
#include "socket.h"

namespace load {
namespace {

// A listener whose accept queue is full drops the SYN, and the client tries again only a second later: small
// groups with a pause let a server with a backlog of 511 (node:net's default) keep up.
constexpr std::size_t kGroup = 100;
constexpr std::int64_t kPauseNs = 2'000'000;

}  // namespace

int run_idle(const Options& options) {
  std::vector<Socket> sockets;
  sockets.reserve(options.connections);
  for (std::size_t i = 0; i < options.connections; ++i) {
    sockets.push_back(connect_to(options, i));
    if (i % kGroup == kGroup - 1) sleep_until(now() + kPauseNs);
  }
  std::printf("{\"connections\":%zu}\n", sockets.size());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace load
