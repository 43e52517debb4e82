// Taking the place of a unix socket's file that a dead server left behind.
//
// bind(2) refuses a path that exists, and a process that was killed leaves its socket's file. Whether anybody listens on it
// connect(2) tells: ECONNREFUSED says that nobody does. But between that look and unlink(2) another server may have taken the
// place, and its file would be removed while it lives. So whoever replaces files does it under a lock on the folder
// (flock(2): it leaves nothing behind, and ends with its process), from the first look until the new socket listens.
#pragma once

#include "net/address.h"

namespace sluice {

/// An exclusive lock on the folder that a path lies in, until the object ends.
class FolderLock {
 public:
  FolderLock() noexcept = default;
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// Returns 0 or an errno value: EAGAIN when somebody else holds it for longer than opening a socket takes.
  int take(const char* path) noexcept;

 private:
  int fd_ = -1;
};

/// Whether `address`, a path, is the file of a socket that nobody listens on.
bool isStaleSocket(const SocketAddress& address) noexcept;

}  // namespace sluice
