#include "socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace load {
namespace {

constexpr std::uint32_t kSourceAddresses = 4;
constexpr int kSendBufferBytes = 256 * 1024;

// On the loopback interface a segment that has to wait (for the congestion window, BBR's pacing, the receive
// window) is sent when the acknowledgement arrives, and that is processed on the CPU and the account of
// whoever sent it: the server would pay for the sender's work, and a slower server for more of it. With a
// send buffer smaller than any of these windows every segment leaves within send(), as if the sender were
// another machine. Reno is in every kernel and does not pace.
void pay_for_sending(int fd) noexcept {
  constexpr std::string_view kAlgorithm = "reno";
  if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kAlgorithm.data(), kAlgorithm.size()) != 0) die("TCP_CONGESTION");
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes) != 0) die("SO_SNDBUF");
}

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
  return address;
}

Socket connect_tcp(std::uint16_t port, std::size_t index) noexcept {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) die("socket");
  const int on = 1;
  // The port is chosen at connect, when the destination is known: ip(7), IP_BIND_ADDRESS_NO_PORT.
  if (::setsockopt(socket.fd(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) die("setsockopt");
  if (::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) die("TCP_NODELAY");
  pay_for_sending(socket.fd());
  const sockaddr_in source = loopback(static_cast<std::uint32_t>(index) % kSourceAddresses, 0);
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) die("bind");
  const sockaddr_in target = loopback(0, port);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) die("connect");
  return socket;
}

Socket connect_unix(const char* path) noexcept {
  sockaddr_un target{};
  target.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof target.sun_path) {
    errno = ENAMETOOLONG;
    die("unix path");
  }
  std::strcpy(target.sun_path, path);
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) die("socket");
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) die("connect");
  return socket;
}

}  // namespace

void die(const char* what) noexcept {
  std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

Socket connect_to(const Options& options, std::size_t index) noexcept {
  return options.unix_path != nullptr ? connect_unix(options.unix_path) : connect_tcp(options.port, index);
}

void set_nonblocking(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) die("fcntl");
}

void set_timeouts(int fd, unsigned seconds) noexcept {
  timeval limit{};
  limit.tv_sec = seconds;
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) die("SO_SNDTIMEO");
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) die("SO_RCVTIMEO");
}

void finish_sending(int fd) noexcept {
  if (::shutdown(fd, SHUT_WR) != 0) die("shutdown");
}

bool read_until_closed(int fd) noexcept {
  char discarded[4096];
  for (;;) {
    const ssize_t n = ::recv(fd, discarded, sizeof discarded, 0);
    if (n == 0) return true;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) die("the server reset a connection before it had taken everything");
  }
}

}  // namespace load
