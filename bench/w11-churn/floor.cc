// The floor of W11: accept, recv, send, close, with no program around it. One thread, one epoll, one buffer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr int kEvents = 512;

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
  std::vector<epoll_event> events(kEvents);
  std::uint64_t connections = 0;
  std::uint64_t frames = 0;
  std::uint64_t sum = 0;
  std::size_t open = 0;
  for (;;) {
    const int ready = ::epoll_wait(poller, events.data(), kEvents, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        for (int peer; (peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; ++open) {
          const int on = 1;
          check(::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
          watch(peer);
        }
        continue;
      }
      const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (n > 0) {
        // A line of this load is one segment, so it is never found in part.
        if (buffer[static_cast<std::size_t>(n) - 1] != '\n') check(false, "a line in part");
        ++frames;
        sum += static_cast<unsigned char>(buffer[0]);
        const char answer[2] = {buffer[0], '\n'};
        check(::send(fd, answer, sizeof answer, MSG_NOSIGNAL) == sizeof answer, "send");
      } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        ::close(fd);
        ++connections;
        if (--open == 0) {
          std::printf("{\"connections\":%lu,\"frames\":%lu,\"sum\":%lu}\n", connections, frames, sum);
          std::fflush(stdout);
        }
      }
    }
  }
}
