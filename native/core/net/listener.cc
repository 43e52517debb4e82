#include "net/listener.h"

#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/stale_socket.h"
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

bool isSocketFile(const char* path) noexcept {
#ifdef __linux__
  struct statx info{};
  return ::statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &info) == 0 && S_ISSOCK(info.stx_mode);
#else
  struct stat info{};
  return ::lstat(path, &info) == 0 && S_ISSOCK(info.st_mode);
#endif
}

// While one listener has given its reserve up, no other, on another reactor's thread, may take the descriptor. Accepting is
// a few microseconds of the kernel's time, and the lock costs nothing beside it.
std::mutex descriptors;

int openReserve() noexcept { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

std::string absolute(const char* path) {
  if (path[0] == '/') return path;
  char folder[PATH_MAX];
  return ::getcwd(folder, sizeof folder) != nullptr ? std::string(folder) + '/' + path : std::string();
}

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
  address_ = address;
  const int error =
      options.replaceStale && unixPath(address) != nullptr ? claimPath(address, options) : bind(address, options);
  if (error != 0) {
    close();
    return error;
  }
  if (address.family() != AF_UNIX && SocketAddress::boundTo(fd_, address_) != 0) address_ = address;
  reserve_ = openReserve();
  return 0;
}

/// Binds and listens. Returns 0 or an errno value.
int Listener::bind(const SocketAddress& address, const ListenOptions& options) noexcept {
  const char* path = unixPath(address);
  const auto mode = static_cast<mode_t>(options.mode);
  // On Linux bind(2) gives the file what the socket itself has of permissions, less the umask: so it is never open to more
  // than `mode`, not for a moment. What the umask takes off is given back behind it.
  if (path != nullptr && options.mode >= 0) ::fchmod(fd_, mode);
  if (::bind(fd_, address.raw(), address.length) != 0) return errno;
  if (path != nullptr && identify(path, unixDevice_, unixInode_)) unixFile_ = absolute(path);
  if (path != nullptr && options.mode >= 0 && ::chmod(path, mode) != 0) return errno;
  return ::listen(fd_, options.backlog) == 0 ? 0 : errno;
}

/// As bind(), where a stale file at the path gives way.
int Listener::claimPath(const SocketAddress& address, const ListenOptions& options) noexcept {
  const char* path = unixPath(address);
  FolderLock lock;
  if (const int error = lock.take(path); error != 0) return error == EWOULDBLOCK ? EADDRINUSE : error;
  // A file of another kind is nobody's to remove. connect(2) refuses it as it refuses a dead socket.
  if (isSocketFile(path) && isStaleSocket(address) && ::unlink(path) != 0 && errno != ENOENT) return errno;
  return bind(address, options);
}

int Listener::take(int fd, const ListenOptions& options) noexcept {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) != 0) return errno;
  if (value != SOCK_STREAM) return EPROTONOSUPPORT;
  SocketAddress address;
  if (const int error = SocketAddress::boundTo(fd, address); error != 0) return error;
  if (address.family() != AF_UNIX && address.family() != AF_INET && address.family() != AF_INET6) return EAFNOSUPPORT;
  length = sizeof value;
  const bool listens = ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0;
  if (!listens && ::listen(fd, options.backlog) != 0) return errno;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return errno;
  fd_ = fd;
  address_ = address;
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
    if (fd >= 0) {
      return {Outcome::kAccepted, fd,
              remote.family() == AF_UNIX ? PeerAddress::ofUnixPeer(fd) : PeerAddress::from(remote)};
    }
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
  SocketAddress remote;
  remote.length = sizeof remote.storage;
  const int fd = sys::accept(fd_, remote.raw(), &remote.length);
  const int error = errno;
  if (fd >= 0) ::close(fd);
  reserve_ = openReserve();
  if (fd >= 0) return {Outcome::kRefused, -1, PeerAddress::from(remote)};
  return {error == EAGAIN ? Outcome::kEmpty : Outcome::kBackOff, -1, {}};
}

void Listener::close() noexcept {
  if (fd_ >= 0) {
    uint64_t device = 0;
    uint64_t inode = 0;
    if (!unixFile_.empty() && identify(unixFile_.c_str(), device, inode) && device == unixDevice_ &&
        inode == unixInode_) {
      ::unlink(unixFile_.c_str());
    }
    ::close(fd_);
  }
  if (reserve_ >= 0) ::close(reserve_);
  fd_ = reserve_ = -1;
  unixFile_.clear();
}

}  // namespace sluice
