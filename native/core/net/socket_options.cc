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
  if (options.keepAliveIdleS > 0) {
    sys::setKeepAlive(fd, options.keepAliveIdleS, options.keepAliveEveryS, options.keepAliveProbes);
  }
  if (options.userTimeoutMs > 0) sys::setUserTimeout(fd, static_cast<unsigned>(options.userTimeoutMs));
}

}  // namespace sluice
