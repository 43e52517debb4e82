// Who is at the other end of a unix(7) socket, as the kernel noted it when the connection was made.
//
// Linux answers pid, user and group in one option. FreeBSD and macOS answer getpeereid(3), without the pid; macOS has that
// in an option of its own.
#pragma once

#include <cstdint>
#include <sys/socket.h>
#include <sys/types.h>
#if !defined(__linux__)
#include <sys/un.h>
#include <unistd.h>
#endif

namespace sluice::sys {

struct PeerCredentials {
  int32_t pid = -1;  // -1: the system does not tell
  uint32_t uid = 0;
  uint32_t gid = 0;
};

/// False when there are none: the socket is of another family.
inline bool peerCredentials(int fd, PeerCredentials& out) noexcept {
#if defined(__linux__)
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid == 0) return false;
  out = {.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
  return true;
#else
  uid_t uid;
  gid_t gid;
  if (::getpeereid(fd, &uid, &gid) != 0) return false;
  out = {.pid = -1, .uid = uid, .gid = gid};
#ifdef LOCAL_PEERPID
  pid_t pid;
  socklen_t length = sizeof pid;
  if (::getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) == 0) out.pid = pid;
#endif
  return true;
#endif
}

}  // namespace sluice::sys
