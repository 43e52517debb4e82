// The other end of a connection: a plain socket, so that a test says byte by byte what a peer does.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "net/address.h"
#include "support/require.h"

namespace sluice::testing_support {

class Client {
 public:
  explicit Client(const SocketAddress& server, int receiveBuffer = 0) {
    fd_ = ::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    SLUICE_REQUIRE(fd_ >= 0);
    // Before connect(2): afterwards the window is settled.
    if (receiveBuffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    const int on = 1;
    if (server.family() != AF_UNIX) ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SLUICE_REQUIRE(::connect(fd_, server.raw(), server.length) == 0);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~Client() { close(); }
  Client(Client&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Client& operator=(Client&&) = delete;

  /// Sends what fits and returns how much that was; 0 when the connection is broken.
  size_t sendSome(std::string_view text) {
    const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  void send(std::string_view text) { SLUICE_REQUIRE(sendSome(text) == text.size()); }

  /// Adds what lies ready to `received`.
  void receive() {
    char some[64 * 1024];
    ssize_t count;
    while ((count = ::recv(fd_, some, sizeof some, 0)) > 0) received.append(some, static_cast<size_t>(count));
    if (count == 0) ended = true;
    if (count < 0 && errno != EAGAIN) error = errno;
  }

  void shutdownWrite() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  /// Closes with RST instead of FIN.
  void reset() {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  int fd() const { return fd_; }

  std::string received;
  bool ended = false;  // the other side closed in good order
  int error = 0;       // it did not: the errno value

 private:
  int fd_ = -1;
};

}  // namespace sluice::testing_support
