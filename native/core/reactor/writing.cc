// From replies to the wire.
//
// All pieces for one connection leave in one sendmsg(2), whatever stood between them. What the socket doesn't take is
// copied into the connection's queue and goes out when the poller reports room.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

#include "reactor/reactor.h"

namespace sluice {

namespace {

int64_t sendSome(int fd, iovec* pieces, int count) noexcept {
  ssize_t sent;
  do {
    if (count == 1) {
      sent = ::send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      msghdr message{};
      message.msg_iov = pieces;
      message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
      sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace

void Reactor::write(const OutputPiece* pieces, uint32_t count, const uint8_t* bytes) noexcept {
  nextPiece_.resize(count);
  writing_.clear();
  for (uint32_t i = 0; i < count; i++) {
    Connection* connection = connections_.at(static_cast<uint32_t>(pieces[i].slot));
    nextPiece_[i] = -1;
    if (connection == nullptr || !connection->isOpen() || connection->failed) continue;
    if (connection->firstPiece < 0) {
      connection->firstPiece = static_cast<int32_t>(i);
      writing_.push_back(connection);
    } else {
      nextPiece_[static_cast<size_t>(connection->lastPiece)] = static_cast<int32_t>(i);
    }
    connection->lastPiece = static_cast<int32_t>(i);
  }
  for (Connection* connection : writing_) {
    const int32_t first = connection->firstPiece;
    connection->firstPiece = connection->lastPiece = -1;
    sendPieces(*connection, pieces, bytes, first);
  }
}

void Reactor::sendPieces(Connection& connection, const OutputPiece* pieces, const uint8_t* bytes,
                         int32_t first) noexcept {
  if (connection.writeEnded || connection.endRequested) return;
  connection.active = true;
  int32_t next = first;
  while (next >= 0 && !connection.output && !connection.connecting) {
    iovec parts[kMaxPieces];
    int count = 0;
    size_t total = 0;
    int32_t after = next;
    for (; after >= 0 && count < kMaxPieces; after = nextPiece_[static_cast<size_t>(after)]) {
      const OutputPiece& piece = pieces[after];
      const auto length = static_cast<size_t>(piece.end - piece.start);
      if (length == 0) continue;
      parts[count++] = {.iov_base = const_cast<uint8_t*>(bytes) + piece.start, .iov_len = length};
      total += length;
    }
    if (count == 0) return;
    int64_t sent = sendSome(connection.fd, parts, count);
    if (sent < 0) {
      if (errno != EAGAIN) return writeFailed(connection, errno);
      sent = 0;
    }
    connection.endpoint->stats.bytesOut += static_cast<uint64_t>(sent);
    next = after;
    if (static_cast<size_t>(sent) == total) continue;
    auto skip = static_cast<size_t>(sent);
    for (int i = 0; i < count; i++) {
      const size_t done = std::min(skip, parts[i].iov_len);
      skip -= done;
      if (!queueOutput(connection, static_cast<uint8_t*>(parts[i].iov_base) + done, parts[i].iov_len - done)) return;
    }
  }
  for (; next >= 0; next = nextPiece_[static_cast<size_t>(next)]) {
    const OutputPiece& piece = pieces[next];
    if (!queueOutput(connection, bytes + piece.start, static_cast<size_t>(piece.end - piece.start))) return;
  }
  noteOutput(connection);
}

/// Copies to the queue. False when the connection failed over it: the queue was over its limit already.
bool Reactor::queueOutput(Connection& connection, const uint8_t* data, size_t length) noexcept {
  if (length == 0) return true;
  Endpoint& endpoint = *connection.endpoint;
  if (connection.outputBytes() > endpoint.options.limits.outputBytes) {
    fault(connection, CloseReason::kOutputLimit);
    return false;
  }
  if (!connection.output) {
    connection.output = std::make_unique<OutputQueue>();
    stalling_.pushBack(&connection);
  }
  if (!connection.output->append(data, length)) {
    fault(connection, CloseReason::kSystem, ENOMEM);
    return false;
  }
  endpoint.queuedOutput += length;
  if (connection.output->size() >= endpoint.options.limits.outputHighWater && !connection.heldByOutput) {
    connection.heldByOutput = true;
    passOver(connection);
  }
  return true;
}

void Reactor::flushOutput(Connection& connection) noexcept {
  OutputQueue& queue = *connection.output;
  while (!queue.empty()) {
    iovec parts[kMaxPieces];
    const int count = queue.gather(parts, kMaxPieces);
    const int64_t sent = sendSome(connection.fd, parts, count);
    if (sent < 0) {
      if (errno != EAGAIN) return writeFailed(connection, errno);
      break;
    }
    queue.consume(static_cast<size_t>(sent));
    queue.progressAtMs = nowMs_;
    connection.active = true;
    connection.endpoint->stats.bytesOut += static_cast<uint64_t>(sent);
    connection.endpoint->queuedOutput -= static_cast<uint64_t>(sent);
  }
  noteOutput(connection);
  if (connection.heldByOutput && queue.size() <= connection.endpoint->options.limits.outputHighWater / 2) {
    connection.heldByOutput = false;
    resume(connection);
  }
  if (queue.empty()) outputIsOut(connection);
}

void Reactor::outputIsOut(Connection& connection) noexcept {
  dropOutput(connection);
  if (connection.wantsDrain) {
    connection.wantsDrain = false;
    events_.push_back({EventKind::kDrained, CloseReason::kNone, connection.endpoint->id, connection.slot, 0});
  }
  if (connection.endRequested && !connection.writeEnded) {
    ::shutdown(connection.fd, SHUT_WR);
    connection.writeEnded = true;
    if (connection.readEnded) connection.closeWhenSent = true;
  }
  if (connection.closeWhenSent) settleSoon(connection);
}

/// The peer takes no more, but what it sent before may still lie unread: writing ends, and reading finds the end.
void Reactor::writeFailed(Connection& connection, int error) noexcept {
  if (connection.systemError == 0) connection.systemError = error;
  connection.writeEnded = true;
  connection.heldByOutput = false;
  connection.hangup = true;
  dropOutput(connection);
  if (connection.readEnded) {
    blame(connection, CloseReason::kSystem, error);
    connection.closeWhenSent = true;
    settleSoon(connection);
  } else {
    markReadable(connection);
  }
}

void Reactor::dropOutput(Connection& connection) noexcept {
  if (!connection.output) return;
  connection.endpoint->queuedOutput -= connection.output->size();
  stalling_.remove(&connection);
  connection.output.reset();
  noteOutput(connection);
}

void Reactor::noteOutput(Connection& connection) noexcept {
  if (connection.slot < gaugeSlots_) {
    const auto bytes = static_cast<uint32_t>(std::min<size_t>(connection.outputBytes(), UINT32_MAX));
    std::atomic_ref<uint32_t>(outputGauge_[connection.slot]).store(bytes, std::memory_order_relaxed);
  }
}

void Reactor::end(Connection& connection) noexcept {
  if (!connection.isOpen() || connection.endRequested) return;
  connection.endRequested = true;
  if (!connection.output && !connection.connecting) outputIsOut(connection);
}

bool Reactor::watchDrain(Connection& connection) noexcept {
  const bool lost = !connection.isOpen() || connection.failed || connection.systemError != 0;
  if (!connection.output && !lost) return false;
  connection.wantsDrain = true;
  return true;
}

void Reactor::finishConnect(Connection& connection) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return fault(connection, CloseReason::kSystem, error);
  connection.connecting = false;
  events_.push_back(connectedEvent(connection));
  if (connection.output) {
    flushOutput(connection);
  } else if (connection.endRequested) {
    outputIsOut(connection);
  }
}

}  // namespace sluice
