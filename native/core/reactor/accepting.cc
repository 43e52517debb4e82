// Taking new connections in, within a budget, so that a storm of them leaves the established ones their share.

#include <algorithm>
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
          connection->active = true;  // it may have sent already: a drain must look before it leaves
          begin(*connection);
        } else {
          endpoint.admission->leave(accepted.peer);
          endpoint.stats.refusedByDescriptors++;
        }
        break;
    }
    budget--;
  }
  return true;
}

bool Reactor::admits(Endpoint& endpoint, const PeerAddress& peer) noexcept {
  switch (endpoint.admission->enter(peer)) {
    case Admission::Verdict::kAdmitted:
      return true;
    case Admission::Verdict::kTooMany:
      endpoint.stats.refusedByLimit++;
      return false;
    case Admission::Verdict::kTooManyOfAddress:
      endpoint.stats.refusedByAddress++;
      return false;
  }
  return false;
}

void Reactor::adopt(uint32_t id, int fd, const PeerAddress& peer) noexcept {
  Endpoint* found = endpoint(id);
  if (found == nullptr || found->closing) {
    ::close(fd);
    return;
  }
  if (Connection* connection = open(*found, fd, peer); connection != nullptr) {
    connection->active = true;  // as of one that was accepted here
    begin(*connection);
  } else {
    found->admission->leave(peer);
    found->stats.refusedByDescriptors++;
  }
}

}  // namespace sluice
