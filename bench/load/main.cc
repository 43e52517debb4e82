// load: the traffic of every benchmark in this folder, from one thread, with the same bytes for every peer.
//
//   load stream  --port P [--connections 100] [--frames N] [--content 64] [--write-size 16384]
//   load packets --port P [--connections 100] [--frames N] [--content 64] [--rate FRAMES-A-SECOND]
//   load ordered --port P [--connections 100] [--frames N] [--content 64] [--write-size 16384]
//   load churn   --port P [--connections 100] [--frames N] [--content 64]    frames: connections in all
//   load idle    --port P [--connections 19000]        holds them until standard input ends
//   load probe   --port P                              asks until standard input ends
//   load probe-line --port P [--content 64]            the same with a line of W10's
//   load cpu PID
//
// `--unix PATH` instead of `--port` for a unix socket. It talks to the loopback interface only. `--seconds`
// (default 300) is a hard limit. Status 0: everything was sent, and the server closed every connection in
// good order; 1: it did not; 2: the command line is wrong; 3: the time ran out.
#include <getopt.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "modes.h"

namespace {

[[noreturn]] void usage_error(std::string_view what, std::string_view value) {
  std::fprintf(stderr, "load: %.*s: '%.*s'\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(value.size()), value.data());
  std::exit(2);
}

template <typename Integer>
Integer parse(std::string_view name, std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) usage_error(name, text);
  return value;
}

extern "C" void out_of_time(int /*signal*/) {
  constexpr std::string_view kMessage = "load: out of time\n";
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(3);
}

load::Options parse_options(int argc, char** argv) {
  static const option kOptions[] = {{"port", required_argument, nullptr, 'p'},
                                    {"unix", required_argument, nullptr, 'u'},
                                    {"connections", required_argument, nullptr, 'c'},
                                    {"frames", required_argument, nullptr, 'f'},
                                    {"content", required_argument, nullptr, 's'},
                                    {"write-size", required_argument, nullptr, 'w'},
                                    {"rate", required_argument, nullptr, 'r'},
                                    {"seconds", required_argument, nullptr, 't'},
                                    {}};
  load::Options options;
  for (int flag = 0; (flag = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (flag) {
      case 'p':
        options.port = parse<std::uint16_t>("--port", optarg);
        break;
      case 'u':
        options.unix_path = optarg;
        break;
      case 'c':
        options.connections = parse<std::size_t>("--connections", optarg);
        break;
      case 'f':
        options.frames = parse<std::uint64_t>("--frames", optarg);
        break;
      case 's':
        options.content = parse<std::size_t>("--content", optarg);
        break;
      case 'w':
        options.write_bytes = parse<std::size_t>("--write-size", optarg);
        break;
      case 'r':
        options.rate = parse<std::uint64_t>("--rate", optarg);
        break;
      case 't':
        options.seconds = parse<unsigned>("--seconds", optarg);
        break;
      default:
        std::exit(2);
    }
  }
  if (optind != argc) usage_error("unexpected argument", argv[optind]);
  if (options.port == 0 && options.unix_path == nullptr) usage_error("needs --port or --unix", "");
  if (options.connections == 0 || options.write_bytes == 0) usage_error("must not be zero", "");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) usage_error("needs a mode", "");
  const std::string_view mode = argv[1];
  if (mode == "cpu" && argc == 3) return load::print_cpu_time(parse<int>("pid", argv[2]));

  const load::Options options = parse_options(argc - 1, argv + 1);
  std::signal(SIGALRM, out_of_time);
  ::alarm(options.seconds);
  if (mode == "stream") return load::run_stream(options);
  if (mode == "packets") return load::run_packets(options);
  if (mode == "ordered") return load::run_ordered(options);
  if (mode == "churn") return load::run_churn(options);
  if (mode == "idle") return load::run_idle(options);
  if (mode == "probe") return load::run_probe(options);
  if (mode == "probe-line") return load::run_probe_line(options);
  usage_error("no such mode", mode);
}
