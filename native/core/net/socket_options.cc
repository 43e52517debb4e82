#include "net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/sys/keep_alive.h"

namespace sluice {

void applySocketOptions(int fd, int family, const SocketOptions& options) noexcept {
  if (family != AF_INET && family != AF_INET6) return;
  const int on = 1;
  if (options.noDelay) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.keepAliveSeconds > 0) sys::setKeepAlive(fd, options.keepAliveSeconds, 0, 0);
}

}  // namespace sluice
