#include "net/listener.h"

#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/sys/nonblocking.h"

namespace sluice {

namespace {

const char* unixPath(const SocketAddress& address) noexcept {
  const auto* un = reinterpret_cast<const sockaddr_un*>(&address.storage);
  return address.family() == AF_UNIX && un->sun_path[0] != '\0' ? un->sun_path : nullptr;
}

/// Which file a path names. False when there is none. (On Linux statx(2), because lstat asks for a glibc of 2.33.)
bool identify(const char* path, uint64_t& device, uint64_t& inode) noexcept {
#ifdef __linux__
  struct statx info{};
  if (::statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &info) != 0) return false;
  device = uint64_t{info.stx_dev_major} << 32 | info.stx_dev_minor;
  inode = info.stx_ino;
#else
  struct stat info{};
  if (::lstat(path, &info) != 0) return false;
  device = static_cast<uint64_t>(info.st_dev);
  inode = info.st_ino;
#endif
  return true;
}

// While one listener has given its reserve up, no other, on another reactor's thread, may take the descriptor. Accepting is
// a few microseconds of the kernel's time, and the lock costs nothing beside it.
std::mutex descriptors;

int openReserve() noexcept { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

int Listener::open(const SocketAddress& address, const ListenOptions& options) noexcept {
  fd_ = sys::openSocket(address.family(), SOCK_STREAM);
  if (fd_ < 0) return errno;
  const int on = 1;
  if (address.family() != AF_UNIX) {
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options.reusePort && ::setsockopt(fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
      const int error = errno;
      close();
      return error;
    }
  }
  if (address.family() == AF_INET6) {
    const int only = options.ipv6Only ? 1 : 0;
    ::setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  }
  bool ready = ::bind(fd_, address.raw(), address.length) == 0;
  address_ = address;
  if (const char* path = unixPath(address); ready && path != nullptr) identify(path, unixDevice_, unixInode_);
  // Only now: with the option set before, bind would succeed beside a stranger that has it too.
  if (ready && options.letOthersJoin && systemSpreads(address.family())) {
    ready = ::setsockopt(fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
  }
  ready = ready && ::listen(fd_, options.backlog) == 0;
  if (!ready) {
    const int error = errno;
    close();
    return error;
  }
  if (address.family() != AF_UNIX) {
    address_.length = sizeof address_.storage;
    if (::getsockname(fd_, address_.raw(), &address_.length) != 0) address_ = address;
  }
  reserve_ = openReserve();
  return 0;
}

bool Listener::systemSpreads([[maybe_unused]] int family) noexcept {
#ifdef __linux__
  return family == AF_INET || family == AF_INET6;
#else
  return false;
#endif
}

Listener::Accepted Listener::accept() noexcept {
  const std::lock_guard lock(descriptors);
  for (;;) {
    SocketAddress remote;
    remote.length = sizeof remote.storage;
    const int fd = sys::accept(fd_, remote.raw(), &remote.length);
    if (fd >= 0) return {Outcome::kAccepted, fd, PeerAddress::from(remote)};
    switch (errno) {
      case EAGAIN:
        return {Outcome::kEmpty, -1, {}};
      case EMFILE:
      case ENFILE:
        return refuseWithReserve();
      case EINTR:
      case ECONNABORTED:
      case EPROTO:  // and other errors that were pending on the new socket, accept(2): take the next
      case ENETDOWN:
      case ENOPROTOOPT:
      case EHOSTDOWN:
#ifdef ENONET
      case ENONET:
#endif
      case EHOSTUNREACH:
      case ENETUNREACH:
        break;
      case EBADF:
      case EINVAL:
      case ENOTSOCK:
        return {Outcome::kEmpty, -1, {}};  // the socket is no longer one that accepts
      default:                             // ENOBUFS, ENOMEM, and EPERM, which a firewall answers
        return {Outcome::kBackOff, -1, {}};
    }
  }
}

Listener::Accepted Listener::refuseWithReserve() noexcept {
  if (reserve_ < 0) {
    reserve_ = openReserve();
    return {Outcome::kBackOff, -1, {}};
  }
  ::close(reserve_);
  const int fd = sys::accept(fd_, nullptr, nullptr);
  const int error = errno;
  if (fd >= 0) ::close(fd);
  reserve_ = openReserve();
  if (fd >= 0) return {Outcome::kRefused, -1, {}};
  return {error == EAGAIN ? Outcome::kEmpty : Outcome::kBackOff, -1, {}};
}

void Listener::close() noexcept {
  if (fd_ >= 0) {
    if (const char* path = unixPath(address_); path != nullptr && unixInode_ != 0) {
      uint64_t device = 0;
      uint64_t inode = 0;
      if (identify(path, device, inode) && device == unixDevice_ && inode == unixInode_) ::unlink(path);
    }
    ::close(fd_);
  }
  if (reserve_ >= 0) ::close(reserve_);
  fd_ = reserve_ = -1;
  unixInode_ = 0;
}

}  // namespace sluice
