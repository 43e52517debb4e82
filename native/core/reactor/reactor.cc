#include "reactor/reactor.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sys/nonblocking.h"
#include "reactor/tokens.h"

namespace sluice {

Reactor::~Reactor() {
  for (auto& [id, endpoint] : endpoints_) {
    for (Connection* c = endpoint->connections.front(); c != nullptr; c = endpoint->connections.after(c)) {
      if (c->isOpen()) ::close(c->fd);
    }
  }
}

/// Positive as a 32-bit signed number: JavaScript reads ids so, and errors are negative.
uint32_t Reactor::nextEndpointId() noexcept {
  do {
    lastEndpointId_ = lastEndpointId_ == INT32_MAX ? 1 : lastEndpointId_ + 1;
  } while (endpoints_.contains(lastEndpointId_));
  return lastEndpointId_;
}

Endpoint* Reactor::keep(std::unique_ptr<Endpoint> endpoint) {
  Endpoint* raw = endpoint.get();
  endpoints_.emplace(raw->id, std::move(endpoint));
  return raw;
}

Endpoint* Reactor::endpoint(uint32_t id) noexcept {
  const auto found = endpoints_.find(id);
  return found == endpoints_.end() ? nullptr : found->second.get();
}

Endpoint* Reactor::addEndpoint(Framer framer, const EndpointOptions& options) {
  return keep(std::make_unique<Endpoint>(nextEndpointId(), std::move(framer), options));
}

Endpoint* Reactor::listen(const SocketAddress& address, const ListenOptions& listenOptions, Framer framer,
                          const EndpointOptions& options, int& error) {
  auto endpoint = std::make_unique<Endpoint>(nextEndpointId(), std::move(framer), options);
  Listener& listener = endpoint->listener;
  error =
      listenOptions.fd >= 0 ? listener.take(listenOptions.fd, listenOptions) : listener.open(address, listenOptions);
  endpoint->admission = Ref<Admission>::make(options.limits.connections, options.limits.connectionsPerAddress);
  if (error == 0) error = poller_.add(endpoint->listener.fd(), token(endpoint->id, 0));
  return error == 0 ? keep(std::move(endpoint)) : nullptr;
}

Endpoint* Reactor::connect(const SocketAddress& address, Framer framer, const EndpointOptions& options, int& error) {
  const int fd = sys::openSocket(address.family(), SOCK_STREAM);
  if (fd < 0) {
    error = errno;
    return nullptr;
  }
  applySocketOptions(fd, address.family(), options.socket);
  const int result = ::connect(fd, address.raw(), address.length);
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) {  // after EINTR it goes on too, connect(2)
    error = errno;
    ::close(fd);
    return nullptr;
  }
  const bool pending = result != 0;
  if (!pending && isConnectedToItself(fd)) {
    error = ECONNREFUSED;
    ::close(fd);
    return nullptr;
  }
  Endpoint* endpoint = keep(std::make_unique<Endpoint>(nextEndpointId(), std::move(framer), options));
  Connection* connection = open(
      *endpoint, fd, pending || address.family() != AF_UNIX ? PeerAddress::from(address) : PeerAddress::ofUnixPeer(fd));
  if (connection == nullptr) {
    error = ENOMEM;
    endpoints_.erase(endpoint->id);
    return nullptr;
  }
  connection->connecting = pending;
  if (!pending) begin(*connection);
  error = 0;
  return endpoint;
}

/// Takes the descriptor over. Null when it can't be polled; then it is closed.
Connection* Reactor::open(Endpoint& endpoint, int fd, const PeerAddress& peer) noexcept {
  Connection& connection = connections_.allocate();
  if (poller_.add(fd, token(connection.slot, connection.generation)) != 0) {
    ::close(fd);
    connections_.release(connection);
    return nullptr;
  }
  connection.fd = fd;
  connection.endpoint = &endpoint;
  connection.peer = peer;
  connection.isUnix = peer.family == AF_UNIX;
  endpoint.connections.pushBack(&connection);
  endpoint.connectionCount++;
  endpoint.openConnections++;
  noteOutput(connection);
  return &connection;
}

void Reactor::closeListener(Endpoint& endpoint) noexcept {
  uint32_t budget = kMaxAcceptsAtClose;
  if (endpoint.listener.isOpen() && endpoint.acceptAgainAtMs == 0) acceptSome(endpoint, budget);
  abandonListener(endpoint);
}

void Reactor::abandonListener(Endpoint& endpoint) noexcept {
  endpoint.listener.close();
  endpoint.acceptable = false;
  if (endpoint.acceptAgainAtMs != 0) {
    endpoint.acceptAgainAtMs = 0;
    backedOff_--;
  }
  std::erase(accepting_, &endpoint);
}

void Reactor::closeEndpoint(Endpoint& endpoint, CloseReason reason) noexcept {
  abandonListener(endpoint);
  stopDraining(endpoint);
  noLongerBehind(endpoint);
  endpoint.batches.releaseAll();
  settleCredit(endpoint);
  endpoint.reading = false;
  settle(endpoint);
  for (Connection* c = endpoint.connections.front(); c != nullptr;) {
    Connection* next = endpoint.connections.after(c);
    if (c->isOpen()) {
      if (c->reason == CloseReason::kNone) c->reason = reason;
      closeNow(*c);
    }
    c = next;
  }
  endpoint.closing = true;
  reap(endpoint);
}

void Reactor::reap(Endpoint& endpoint) noexcept {
  if (!endpoint.closing || endpoint.connectionCount > 0) return;
  std::erase(work_, &endpoint);
  std::erase(feeding_, &endpoint);
  events_.push_back({EventKind::kEndpointClosed, CloseReason::kNone, endpoint.id, 0, 0});
}

int Reactor::watchDescriptor(int fd, uint32_t interest) noexcept {
  if (!watches_) {
    auto watches = std::make_unique<DescriptorWatches>();
    int error = watches->open();
    if (error == 0) error = poller_.add(watches->descriptor(), token(kWatchesToken, 0));
    if (error != 0) return error;
    watches_ = std::move(watches);
  }
  return watches_->arm(fd, interest);
}

void Reactor::take(std::span<const PollEvent> ready, uint64_t nowMs) noexcept {
  nowMs_ = nowMs;
  noticed_ = 0;
  notice(ready);
  acceptRound();
}

void Reactor::notice(std::span<const PollEvent> ready) noexcept {
  found_ = ready.size();
  noticed_ += found_;
  for (const PollEvent& event : ready) {
    const auto low = static_cast<uint32_t>(event.token);
    const auto generation = static_cast<uint32_t>(event.token >> 32);
    if (generation == 0) {
      if (low == kWatchesToken) {
        watches_->harvest(events_);
        continue;
      }
      if (low >= kLingeringTokens) {
        lingering_.ready(low & ~kLingeringTokens);
        continue;
      }
      Endpoint* listening = endpoint(low);
      if (listening == nullptr || !listening->listener.isOpen() || listening->acceptable) continue;
      listening->acceptable = true;
      if (listening->acceptAgainAtMs == 0) accepting_.push_back(listening);
      continue;
    }
    Connection* connection = connections_.at(low);
    if (connection == nullptr || connection->generation != generation || !connection->isOpen()) continue;
    if (event.hangup) connection->hangup = true;
    if (event.urgent) connection->urgent = true;
    if (connection->connecting) {
      if (!event.writable) continue;
      finishConnect(*connection);
      if (!connection->isOpen()) continue;
    } else if (!connection->announced) {
      goOnOpening(*connection);
      if (!connection->isOpen()) continue;
    }
    if (event.writable && connection->output) flushOutput(*connection);
    // Both directions matter to a layer, whichever it waits for.
    if ((event.readable || (event.writable && connection->layer)) && connection->isOpen()) {
      markReadable(*connection);
    }
  }
}

void Reactor::tick(uint64_t nowMs) noexcept {
  nowMs_ = lastTickMs_ = nowMs;
  if (backedOff_ > 0) {
    for (auto& [id, endpoint] : endpoints_) {
      if (endpoint->acceptAgainAtMs == 0 || endpoint->acceptAgainAtMs > nowMs) continue;
      endpoint->acceptAgainAtMs = 0;
      backedOff_--;
      if (endpoint->acceptable) accepting_.push_back(endpoint.get());
    }
  }
  for (const Ref<FrameSink>& sink : sinks_) {
    if (sink->needsTick()) sink->work();
  }
  sweepDue(nowMs);
  lookAtDue(nowMs);
  relieveThoseBehind(nowMs);
  lingering_.expire(nowMs);
}

void Reactor::recycle(std::span<const Event> delivered) noexcept {
  for (const Event& event : delivered) {
    if (event.kind == EventKind::kEndpointClosed) endpoints_.erase(event.endpoint);
    if (event.kind != EventKind::kDisconnected && event.kind != EventKind::kConnectFailed &&
        event.kind != EventKind::kRefused) {
      continue;
    }
    Connection& connection = *connections_.at(event.slot);
    Endpoint& endpoint = *connection.endpoint;
    endpoint.connections.remove(&connection);
    endpoint.connectionCount--;
    connections_.release(connection);
    reap(endpoint);
  }
}

void Reactor::setOutputGauge(uint32_t* gauge, uint32_t slots) noexcept {
  outputGauge_ = gauge;
  gaugeSlots_ = slots;
  for (Connection* c = withOutput_.front(); c != nullptr; c = withOutput_.after(c)) noteOutput(*c);
}

}  // namespace sluice
