// Taking new connections in, within a budget, so that a storm of them leaves the established ones their share.

#include <algorithm>
#include <sys/socket.h>
#include <unistd.h>

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
        if (Connection* connection = open(endpoint, accepted.fd, accepted.peer); connection != nullptr) {
          endpoint.stats.accepted++;
          connection->active = true;  // it may have sent already: a drain must look before it leaves
          events_.push_back({EventKind::kConnected, CloseReason::kNone, endpoint.id, connection->slot, 0});
        } else {
          forgetAddress(endpoint, accepted.peer);
          endpoint.stats.refusedByDescriptors++;
        }
        break;
    }
    budget--;
  }
  return true;
}

bool Reactor::admits(Endpoint& endpoint, const PeerAddress& peer) noexcept {
  const EndpointLimits& limits = endpoint.options.limits;
  if (endpoint.openConnections >= limits.connections) {
    endpoint.stats.refusedByLimit++;
    return false;
  }
  if (limits.connectionsPerAddress == UINT32_MAX || peer.family == AF_UNIX) return true;
  uint32_t& count = endpoint.perAddress[peer];
  if (count >= limits.connectionsPerAddress) {
    endpoint.stats.refusedByAddress++;
    return false;
  }
  count++;
  return true;
}

void Reactor::forgetAddress(Endpoint& endpoint, const PeerAddress& peer) noexcept {
  const auto count = endpoint.perAddress.find(peer);
  if (count != endpoint.perAddress.end() && --count->second == 0) endpoint.perAddress.erase(count);
}

}  // namespace sluice
