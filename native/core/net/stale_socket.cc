#include "net/stale_socket.h"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sys/nonblocking.h"

namespace sluice {

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

int FolderLock::take(const char* path) noexcept {
  const std::string text(path);
  const size_t slash = text.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : text.substr(0, slash);
  fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ < 0) return errno;
  constexpr int kTries = 100;
  for (int i = 0;; i++) {
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return 0;
    if ((errno != EWOULDBLOCK && errno != EINTR) || i == kTries) return errno;
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

bool isStaleSocket(const SocketAddress& address) noexcept {
  const int fd = sys::openSocket(AF_UNIX, SOCK_STREAM);
  if (fd < 0) return false;
  // EAGAIN is a server with a full queue, EACCES one that is not ours to judge, EPROTOTYPE a socket of another type.
  const bool stale = ::connect(fd, address.raw(), address.length) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return stale;
}

}  // namespace sluice
