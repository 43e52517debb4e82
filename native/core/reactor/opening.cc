// From a connected socket to a connection that others hear of: a PROXY header where one may come, the transport's handshake,
// then kConnected. One that does not get there is reported as refused, or as a failed connect, and nothing else.

#include <cerrno>
#include <sys/socket.h>

#include "reactor/reactor.h"

namespace sluice {

void Reactor::begin(Connection& connection) noexcept {
  const Endpoint& endpoint = *connection.endpoint;
  if ((connection.awaitsProxy || endpoint.transports) && endpoint.options.limits.handshakeMs > 0) {
    ConnectionTimers& timers = timersOf(connection);
    timers.beganMs = nowMs_;
    armBefore(timers, nowMs_ + endpoint.options.limits.handshakeMs);
  }
  if (connection.awaitsProxy) return readProxyHeader(connection);
  beginTransport(connection);
}

/// An event came for one that is not announced yet.
void Reactor::goOnOpening(Connection& connection) noexcept {
  if (connection.failed) return;
  if (connection.awaitsProxy) return readProxyHeader(connection);
  if (connection.handshaking) goOnWithHandshake(connection);
}

/// Looks at what has come and takes no more of it than the header, so that whatever comes next finds its bytes in the socket.
void Reactor::readProxyHeader(Connection& connection) noexcept {
  uint8_t bytes[ProxyHeader::kMaxBytes];
  ssize_t count;
  do {
    count = ::recv(connection.fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno != EAGAIN) fault(connection, CloseReason::kSystem, errno);
    return;
  }
  const bool required = connection.endpoint->options.proxies->required;
  if (count == 0) {  // somebody looks whether the port is open
    if (required) return destroy(connection, CloseReason::kPeerEnded);
    return takeAsDirect(connection);
  }
  const ProxyHeader header = ProxyHeader::parse(bytes, static_cast<size_t>(count));
  switch (header.outcome) {
    case ProxyHeader::Outcome::kMore:
      if (connection.hangup) fault(connection, CloseReason::kProxyHeader);  // nothing more will come
      return;
    case ProxyHeader::Outcome::kNone:
      if (required) return fault(connection, CloseReason::kProxyHeader);
      return takeAsDirect(connection);
    case ProxyHeader::Outcome::kMalformed:
      return fault(connection, CloseReason::kProxyHeader);
    case ProxyHeader::Outcome::kWhole:
      break;
  }
  count = ::recv(connection.fd, bytes, header.length, MSG_DONTWAIT);
  if (count != static_cast<ssize_t>(header.length)) return fault(connection, CloseReason::kProxyHeader);
  connection.proxy = std::make_unique<ProxyInfo>();
  *connection.proxy = {
      .proxy = connection.peer,
      .version = header.version,
      .local = header.local,
      .tlvs = std::string(reinterpret_cast<const char*>(bytes) + header.tlvsBegin, header.length - header.tlvsBegin)};
  connection.awaitsProxy = false;
  // A proxy that speaks for itself is trusted, and no client to be counted.
  if (!header.local) {
    connection.peer = header.client;
    if (!admitsClient(connection)) return;
  }
  beginTransport(connection);
}

/// A trusted peer that sends no header speaks for itself, like any other.
void Reactor::takeAsDirect(Connection& connection) noexcept {
  connection.awaitsProxy = false;
  if (admitsClient(connection)) beginTransport(connection);
}

/// Whether the client that the connection turned out to be of may have it. If not, the connection is closed.
bool Reactor::admitsClient(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  if (endpoint.access && !endpoint.access->admits(connection.peer)) {
    endpoint.stats.refusedByAccess++;
    destroy(connection, CloseReason::kAccessDenied);
    return false;
  }
  connection.isCounted = endpoint.admission->becomes(connection.peer) == Admission::Verdict::kAdmitted;
  if (connection.isCounted) return true;
  endpoint.stats.refusedByAddress++;
  destroy(connection, CloseReason::kAddressLimit);
  return false;
}

void Reactor::beginTransport(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  if (!endpoint.transports) return announce(connection);
  connection.layer = endpoint.transports->make(endpoint.accepts());
  if (!connection.layer) return fault(connection, CloseReason::kSystem, ENOMEM);
  connection.handshaking = true;
  goOnWithHandshake(connection);
}

void Reactor::goOnWithHandshake(Connection& connection) noexcept {
  connection.active = true;
  const Transport::Step step = connection.transport().handshake(connection.fd);
  switch (step.outcome) {
    case Transport::Io::kWait:
      return;
    case Transport::Io::kEnded:
    case Transport::Io::kFailed:
      return transportFailed(connection, step.error);
    case Transport::Io::kDone:
      break;
  }
  connection.handshaking = false;
  announce(connection);
}

/// For good. Without an errno value the reason is in the transport's own words.
void Reactor::transportFailed(Connection& connection, int error) noexcept {
  fault(connection, error != 0 ? CloseReason::kSystem : CloseReason::kTransport, error);
}

Event Reactor::connectedEvent(const Connection& connection) noexcept {
  return {EventKind::kConnected, CloseReason::kNone, connection.endpoint->id, connection.slot,
          static_cast<int32_t>(connection.generation)};
}

void Reactor::announce(Connection& connection) noexcept {
  Endpoint& endpoint = *connection.endpoint;
  connection.announced = true;
  beginTiming(connection);
  events_.push_back(connectedEvent(connection));
  if (endpoint.sink) endpoint.sink->opened(connection);
  // What the program wrote before.
  awaitUnsent(connection);
  if (connection.output) {
    flushOutput(connection);
  } else if (connection.endRequested) {
    outputIsOut(connection);
  }
  // What came before it was looked at has had its event.
  if (connection.isOpen() && (connection.layer || connection.proxy || endpoint.options.proxies)) {
    markReadable(connection);
  }
}

}  // namespace sluice
