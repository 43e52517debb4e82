// Closing a connection such that its peer gets what was written.
//
// close(2) with unread input in the socket, or with input that arrives later, makes TCP answer with a reset (RFC 1122, 4.2.2.13), and a
// reset may overtake data that the peer has not read yet: systems other than Linux then throw it away. So the sending side is ended
// first, and what still arrives is read and thrown away until the peer has ended its side too, for kLingerMs at most.

#include <array>
#include <cerrno>
#include <sys/socket.h>

#include "reactor/reactor.h"
#include "threads/monotonic_ms.h"

namespace sluice {

void Reactor::destroySoon(Connection& connection) noexcept {
  if (!connection.isOpen() || connection.failed || connection.discards) return;
  if (!connection.announced) return destroy(connection);
  if (connection.reason == CloseReason::kNone) connection.reason = CloseReason::kDestroyed;
  connection.discards = true;
  passOver(connection);
  dropPartial(connection);
  if (connection.readable) discardInput(connection);
  if (!connection.isOpen()) return;
  if (connection.writeEnded) return linger(connection);
  connection.endRequested = true;
  if (!connection.output) outputIsOut(connection);  // else flushOutput() comes there
}

/// Its output is out, and its sending side is ended.
void Reactor::linger(Connection& connection) noexcept {
  if (connection.readEnded) {
    connection.closeWhenSent = true;
    return settleSoon(connection);
  }
  lingering_.push_back({connection.slot, connection.generation, monotonicMs() + kLingerMs});
}

void Reactor::discardInput(Connection& connection) noexcept {
  connection.readable = false;
  std::array<uint8_t, 16 * 1024> nobodys;
  for (int i = 0; i < kDiscardsPerEvent; i++) {
    const ssize_t count = ::recv(connection.fd, nobodys.data(), nobodys.size(), MSG_DONTWAIT);
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    if (count < 0 && errno == EAGAIN) return;
    connection.readEnded = true;  // in good order or not: nothing more will come
    if (connection.writeEnded) {
      connection.closeWhenSent = true;
      settleSoon(connection);
    }
    return;
  }
  // A peer that sends without end has had its time: what was written is on its way, and the rest is its own doing.
  if (connection.writeEnded) closeNow(connection);
}

void Reactor::endLingering(uint64_t nowMs) noexcept {
  while (!lingering_.empty() && lingering_.front().untilMs <= nowMs) {
    const Lingering due = lingering_.front();
    lingering_.pop_front();
    Connection* connection = connections_.at(due.slot);
    if (connection != nullptr && connection->generation == due.generation && connection->isOpen())
      closeNow(*connection);
  }
}

}  // namespace sluice
