// The file layer over the system's own calls.

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>

#include "log/file_layer.h"

namespace sluice {

namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;
constexpr const char* kLockName = "lock";

int openAt(int directory, const char* name, int flags) noexcept {
  int fd;
  do {
    fd = ::openat(directory, name, flags | O_CLOEXEC, kFileMode);
  } while (fd < 0 && errno == EINTR);
  return fd < 0 ? -errno : fd;
}

int result(int status) noexcept { return status < 0 ? -errno : 0; }

int syncFile(int fd) noexcept {
#ifdef __APPLE__
  // fsync(2) of macOS leaves the data in the drive's cache.
  if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
  return result(::fsync(fd));
#else
  return result(::fdatasync(fd));
#endif
}

class PosixFile final : public LogFile {
 public:
  explicit PosixFile(int fd) noexcept : fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }

  int64_t write(uint64_t at, const uint8_t* bytes, size_t length) noexcept override {
    ssize_t written;
    do {
      written = ::pwrite(fd_, bytes, length, static_cast<off_t>(at));
    } while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : written;
  }

  int64_t read(uint64_t at, uint8_t* bytes, size_t length) const noexcept override {
    size_t total = 0;
    while (total < length) {
      const ssize_t got = ::pread(fd_, bytes + total, length - total, static_cast<off_t>(at + total));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return -errno;
      if (got == 0) break;
      total += static_cast<size_t>(got);
    }
    return static_cast<int64_t>(total);
  }

  int sync() noexcept override { return syncFile(fd_); }

  int truncate(uint64_t length) noexcept override { return result(::ftruncate(fd_, static_cast<off_t>(length))); }

  int allocate(uint64_t length) noexcept override {
#ifdef __linux__
    int status;
    do {
      status = ::fallocate(fd_, 0, 0, static_cast<off_t>(length));
    } while (status < 0 && errno == EINTR);
    return result(status);
#else
    (void)length;
    return -EOPNOTSUPP;
#endif
  }

  int64_t size() const noexcept override {
    // Not fstat(2): its name got a new version with glibc 2.33. Nobody reads or writes at the descriptor's own position.
    const off_t end = ::lseek(fd_, 0, SEEK_END);
    return end < 0 ? -errno : static_cast<int64_t>(end);
  }

 private:
  const int fd_;
};

class PosixDirectory final : public LogDirectory {
 public:
  explicit PosixDirectory(int fd) noexcept : fd_(fd) {}
  ~PosixDirectory() override { close(); }

  int open(const std::string& name, Mode mode, Ref<LogFile>& file) noexcept override {
    const int flags = mode == Mode::kRead ? O_RDONLY : mode == Mode::kWrite ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    // Readers in other threads open files too; a number that was closed may be another file's by now.
    const std::lock_guard lock(mutex_);
    if (fd_ < 0) return -EBADF;
    const int fd = openAt(fd_, name.c_str(), flags);
    if (fd < 0) return fd;
    file = Ref<PosixFile>::make(fd);
    return 0;
  }

  int list(std::vector<std::string>& names) const noexcept override {
    const int fd = openAt(fd_, ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0) return fd;
    DIR* stream = ::fdopendir(fd);
    if (stream == nullptr) {
      const int error = errno;
      ::close(fd);
      return -error;
    }
    names.clear();
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) names.emplace_back(entry->d_name);
    const int error = errno;
    ::closedir(stream);
    return -error;
  }

  int rename(const std::string& from, const std::string& to) noexcept override {
    return result(::renameat(fd_, from.c_str(), fd_, to.c_str()));
  }
  int remove(const std::string& name) noexcept override { return result(::unlinkat(fd_, name.c_str(), 0)); }
  int sync() noexcept override { return result(::fsync(fd_)); }

  int lock() noexcept override {
    const int fd = openAt(fd_, kLockName, O_RDWR | O_CREAT);
    if (fd < 0) return fd;
    if (::flock(fd, LOCK_EX | LOCK_NB) < 0) {
      const int error = errno;
      ::close(fd);
      return -error;
    }
    lock_ = fd;
    return 0;
  }
  void unlock() noexcept override {
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
  }
  void close() noexcept override {
    unlock();
    const std::lock_guard lock(mutex_);
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  std::mutex mutex_;
  int fd_;
  int lock_ = -1;
};

int openFolder(const std::string& path) noexcept { return openAt(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY); }

std::string parentOf(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return "/";
  const size_t slash = path.find_last_of('/', end);
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Makes `path` and what is missing above it. A new name is worth nothing before its directory is synced.
int makeFolder(const std::string& path) noexcept {
  if (::mkdir(path.c_str(), kDirectoryMode) < 0) {
    if (errno == EEXIST) return 0;
    const std::string parent = parentOf(path);
    if (errno != ENOENT || parent == path) return -errno;
    if (const int error = makeFolder(parent); error < 0) return error;
    if (::mkdir(path.c_str(), kDirectoryMode) < 0 && errno != EEXIST) return -errno;
  }
  const int parent = openFolder(parentOf(path));
  if (parent < 0) return parent;
  const int error = result(::fsync(parent));
  ::close(parent);
  return error;
}

}  // namespace

int openDirectory(const std::string& path, bool create, Ref<LogDirectory>& directory) noexcept {
  int fd = openFolder(path);
  if (fd == -ENOENT && create) {
    if (const int error = makeFolder(path); error < 0) return error;
    fd = openFolder(path);
  }
  if (fd < 0) return fd;
  directory = Ref<PosixDirectory>::make(fd);
  return 0;
}

int writeAll(LogFile& file, uint64_t at, const uint8_t* bytes, size_t length) noexcept {
  while (length > 0) {
    const int64_t written = file.write(at, bytes, length);
    if (written < 0) return static_cast<int>(written);
    if (written == 0) return -ENOSPC;
    at += static_cast<uint64_t>(written);
    bytes += written;
    length -= static_cast<size_t>(written);
  }
  return 0;
}

}  // namespace sluice
