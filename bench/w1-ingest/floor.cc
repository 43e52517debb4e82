// The floor: what the kernel and the memory bus charge for this work, with no program around it. One thread,
// one epoll, one buffer, memchr. It keeps one byte for each connection (whether the last read ended inside a
// frame) and hands a frame to nobody.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

// As much as the peers read at once; 16 KiB to 1 MiB measure alike.
constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr int kEvents = 512;

struct Tally {
  std::uint64_t connections = 0;
  std::uint64_t frames = 0;
  std::uint64_t sum = 0;
};

void check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  check(::listen(fd, 4096) == 0, "listen");
  socklen_t size = sizeof address;
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  std::printf("listening %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

// Returns whether the bytes end inside a frame.
bool scan(const char* bytes, const char* end, bool inside, Tally& tally) {
  while (bytes < end) {
    if (!inside) tally.sum += static_cast<unsigned char>(*bytes);
    const char* newline = static_cast<const char*>(std::memchr(bytes, '\n', static_cast<std::size_t>(end - bytes)));
    if (newline == nullptr) return true;
    ++tally.frames;
    bytes = newline + 1;
    inside = false;
  }
  return inside;
}

}  // namespace

int main(int argc, char** argv) {
  const int listener = listen_on(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0));
  const int poller = ::epoll_create1(0);
  const auto watch = [poller](int fd) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    check(::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  };
  watch(listener);

  std::vector<char> buffer(kBufferBytes);
  std::vector<char> inside;  // by descriptor
  std::vector<epoll_event> events(kEvents);
  std::size_t open = 0;
  Tally tally;
  for (;;) {
    const int ready = ::epoll_wait(poller, events.data(), kEvents, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        for (int peer; (peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; ++open) {
          if (inside.size() <= static_cast<std::size_t>(peer)) inside.resize(static_cast<std::size_t>(peer) + 1);
          inside[static_cast<std::size_t>(peer)] = 0;
          watch(peer);
        }
        continue;
      }
      const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
      char& state = inside[static_cast<std::size_t>(fd)];
      if (n > 0) {
        state = scan(buffer.data(), buffer.data() + n, state != 0, tally);
      } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        ::close(fd);
        ++tally.connections;
        if (--open == 0) {
          std::printf("{\"connections\":%lu,\"frames\":%lu,\"sum\":%lu}\n", tally.connections, tally.frames, tally.sum);
          std::fflush(stdout);
        }
      }
    }
  }
}
