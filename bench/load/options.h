// What the command line can ask of the load generator. Every mode is bounded: by its counts, and by
// `seconds`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace load {

struct Options {
  std::uint16_t port = 0;
  const char* unix_path = nullptr;  // instead of 127.0.0.1:port
  std::size_t connections = 100;
  std::uint64_t frames = 1'000'000;  // of all connections together
  std::size_t content = 64;          // bytes of a line, its newline not counted
  std::size_t write_bytes = 16 * 1024;
  std::uint64_t rate = 0;  // frames a second that `packets` sends; 0: as fast as the server takes them
  unsigned seconds = 300;  // hard limit: the process ends with status 3
};

}  // namespace load
