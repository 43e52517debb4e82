// Taking new connections in, within a budget, so that a storm of them leaves the established ones their share.

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/connection_spread.h"
#include "reactor/reactor.h"

namespace sluice {

void Reactor::acceptRound() noexcept {
  if (!mayAccept()) return;
  uint32_t budget = kAcceptsPerTurn;
  std::erase_if(accepting_, [&](Endpoint* endpoint) { return !acceptSome(*endpoint, budget); });
  if (accepting_.size() > 1) std::rotate(accepting_.begin(), accepting_.begin() + 1, accepting_.end());
}

/// True when more may wait in the backlog.
bool Reactor::acceptSome(Endpoint& endpoint, uint32_t& budget) noexcept {
  while (budget > 0) {
    const Listener::Accepted accepted = endpoint.listener.accept();
    switch (accepted.outcome) {
      case Listener::Outcome::kEmpty:
        endpoint.acceptable = false;
        return false;
      case Listener::Outcome::kRefused:
        endpoint.stats.refusedByDescriptors++;
        tellRefusal(endpoint, accepted.peer, CloseReason::kSystem, EMFILE);
        break;
      case Listener::Outcome::kBackOff:
        endpoint.stats.acceptBackOffs++;
        endpoint.backOffMs = std::clamp(endpoint.backOffMs * 2, kMinBackOffMs, kMaxBackOffMs);
        endpoint.acceptAgainAtMs = nowMs_ + endpoint.backOffMs;
        backedOff_++;
        return false;
      case Listener::Outcome::kAccepted:
        endpoint.backOffMs = 0;
        if (!admits(endpoint, accepted.peer)) {
          ::close(accepted.fd);
          break;
        }
        applySocketOptions(accepted.fd, endpoint.listener.address().family(), endpoint.options.socket);
        if (endpoint.spread && endpoint.spread->give(accepted.fd, accepted.peer)) {
          endpoint.stats.accepted++;
          break;
        }
        if (Connection* connection = open(endpoint, accepted.fd, accepted.peer); connection != nullptr) {
          endpoint.stats.accepted++;
          connection->awaitsProxy = awaitsProxy(endpoint, accepted.peer);
          connection->isCounted = !connection->awaitsProxy;
          connection->active = true;  // it may have sent already: a drain must look before it leaves
          begin(*connection);
        } else {
          endpoint.admission->leave(awaitsProxy(endpoint, accepted.peer) ? Admission::kNobody : accepted.peer);
          endpoint.stats.refusedByDescriptors++;
        }
        break;
    }
    budget--;
  }
  return true;
}

bool Reactor::admits(Endpoint& endpoint, const PeerAddress& peer) noexcept {
  // Whoever a trusted proxy speaks for is looked at when it has said that.
  const bool isProxy = awaitsProxy(endpoint, peer);
  if (!isProxy && endpoint.access && !endpoint.access->admits(peer)) {
    endpoint.stats.refusedByAccess++;
    tellRefusal(endpoint, peer, CloseReason::kAccessDenied);
    return false;
  }
  if (!isProxy && endpoint.options.proxies && endpoint.options.proxies->required) {
    endpoint.stats.refusedByAccess++;
    tellRefusal(endpoint, peer, CloseReason::kProxyHeader);
    return false;
  }
  const Admission::Verdict verdict = endpoint.admission->enter(isProxy ? Admission::kNobody : peer);
  if (verdict == Admission::Verdict::kAdmitted) return true;
  const bool tooMany = verdict == Admission::Verdict::kTooMany;
  (tooMany ? endpoint.stats.refusedByLimit : endpoint.stats.refusedByAddress)++;
  tellRefusal(endpoint, peer, tooMany ? CloseReason::kConnectionLimit : CloseReason::kAddressLimit);
  return false;
}

/// A header may come, or has to.
bool Reactor::awaitsProxy(const Endpoint& endpoint, const PeerAddress& peer) noexcept {
  return endpoint.options.proxies && endpoint.options.proxies->trusts(peer);
}

/// To whoever wants to hear of it. The event takes a slot for as long as it is on its way, for the address.
void Reactor::tellRefusal(Endpoint& endpoint, const PeerAddress& peer, CloseReason reason, int32_t error) noexcept {
  if (!endpoint.tellsRefusals || events_.size() >= kMaxHeldEvents) return;
  Connection& connection = connections_.allocate();
  connection.endpoint = &endpoint;
  connection.peer = peer;
  endpoint.connections.pushBack(&connection);
  endpoint.connectionCount++;
  events_.push_back({EventKind::kRefused, reason, endpoint.id, connection.slot, error});
}

void Reactor::adopt(uint32_t id, int fd, const PeerAddress& peer) noexcept {
  Endpoint* found = endpoint(id);
  if (found == nullptr || found->closing) {
    ::close(fd);
    return;
  }
  if (Connection* connection = open(*found, fd, peer); connection != nullptr) {
    connection->active = true;  // as of one that was accepted here
    connection->awaitsProxy = awaitsProxy(*found, peer);
    connection->isCounted = !connection->awaitsProxy;
    begin(*connection);
  } else {
    found->admission->leave(awaitsProxy(*found, peer) ? Admission::kNobody : peer);
    found->stats.refusedByDescriptors++;
  }
}

}  // namespace sluice
