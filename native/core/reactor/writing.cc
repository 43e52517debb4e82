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
  while (next >= 0 && !connection.output && connection.announced) {
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
    const Transport::Sent sent = connection.transport().send(connection.fd, parts, count);
    if (sent.outcome == Transport::Io::kFailed) return writeFailed(connection, sent.error);
    connection.endpoint->stats.bytesOut += sent.bytes;
    if (sent.bytes > 0) noteWrite(connection);
    next = after;
    if (sent.bytes == total) continue;
    size_t skip = sent.bytes;
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
  if (connection.layer) awaitUnsent(connection);
  noteOutput(connection);
}

/// What a layer took and the socket did not goes out like queued output: when there is room.
void Reactor::awaitUnsent(Connection& connection) noexcept {
  if (connection.isOpen() && !connection.failed && connection.transport().unsent() > 0) outputQueue(connection);
}

OutputQueue& Reactor::outputQueue(Connection& connection) noexcept {
  if (!connection.output) {
    connection.output = std::make_unique<OutputQueue>();
    withOutput_.pushBack(&connection);
    if (connection.endpoint->options.limits.outputStallMs > 0) armBefore(timersOf(connection), nowMs_ + 1);
  }
  return *connection.output;
}

/// Copies to the queue. False when the connection failed over it: the queue was over its limit already.
bool Reactor::queueOutput(Connection& connection, const uint8_t* data, size_t length) noexcept {
  if (length == 0) return true;
  Endpoint& endpoint = *connection.endpoint;
  if (connection.outputBytes() > endpoint.options.limits.outputBytes) {
    fault(connection, CloseReason::kOutputLimit);
    return false;
  }
  if (!outputQueue(connection).append(data, length)) {
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
  if (!connection.announced) return;
  OutputQueue& queue = *connection.output;
  const Transport& transport = connection.transport();
  for (size_t left = connection.outputBytes(); left > 0;) {
    iovec parts[kMaxPieces];
    const int count = queue.gather(parts, kMaxPieces);
    const Transport::Sent sent = connection.transport().send(connection.fd, parts, count);
    if (sent.outcome == Transport::Io::kFailed) return writeFailed(connection, sent.error);
    queue.consume(sent.bytes);
    connection.endpoint->stats.bytesOut += sent.bytes;
    connection.endpoint->queuedOutput -= sent.bytes;
    const size_t before = left;
    left = connection.outputBytes();
    if (sent.bytes == 0 && left >= before) break;
    queue.progressAtMs = nowMs_;
    noteWrite(connection);
    connection.active = true;
  }
  noteOutput(connection);
  if (connection.heldByOutput && queue.size() <= connection.endpoint->options.limits.outputHighWater / 2) {
    connection.heldByOutput = false;
    resume(connection);
  }
  if (queue.empty() && transport.unsent() == 0) outputIsOut(connection);
}

void Reactor::outputIsOut(Connection& connection) noexcept {
  dropOutput(connection);
  if (connection.wantsDrain) {
    connection.wantsDrain = false;
    events_.push_back({EventKind::kDrained, CloseReason::kNone, connection.endpoint->id, connection.slot, 0});
  }
  if (connection.endRequested && !connection.writeEnded) {
    const Transport::Step step = connection.transport().end(connection.fd);
    if (step.outcome == Transport::Io::kFailed) return writeFailed(connection, step.error);
    if (step.outcome == Transport::Io::kWait) return awaitUnsent(connection);  // and comes back here
    connection.writeEnded = true;
    if (connection.readEnded) connection.closeWhenSent = true;
  }
  if (connection.closeWhenSent) settleSoon(connection);
}

/// The peer takes no more, but what it sent before may still lie unread: writing ends, and reading finds the end.
void Reactor::writeFailed(Connection& connection, int error) noexcept {
  if (error == 0) return transportFailed(connection, 0);
  if (connection.systemError == 0) connection.systemError = error;
  connection.writeEnded = true;
  connection.heldByOutput = false;
  connection.hangup = true;
  dropOutput(connection);
  if (connection.readEnded || connection.discards) {
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
  withOutput_.remove(&connection);
  connection.output.reset();
  if (connection.announced && !connection.endpoint->options.limits.timeConnections()) dropTimers(connection);
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
  if (!connection.output && connection.announced) outputIsOut(connection);
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
  if (error == 0 && isConnectedToItself(connection.fd)) error = ECONNREFUSED;  // nobody listens there
  if (error != 0) return fault(connection, CloseReason::kSystem, error);
  connection.connecting = false;
  begin(connection);
}

}  // namespace sluice
