// Deals the connections that one reactor accepts out among several, in turn: where the system does not spread them itself
// (SO_REUSEPORT, socket(7), is for IP sockets).
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "reactor/reactor_port.h"
#include "threads/ref.h"

namespace sluice {

class ConnectionSpread : public RefCounted {
 public:
  void add(Ref<ReactorPort> port, uint32_t endpoint) noexcept { others_.push_back({std::move(port), endpoint}); }

  /// False: it is the accepting reactor's own turn. Otherwise the descriptor is given away.
  bool give(int fd, const PeerAddress& peer) noexcept {
    const size_t turn = next_;
    next_ = (next_ + 1) % (others_.size() + 1);
    if (turn == others_.size()) return false;
    const Target& target = others_[turn];
    std::unique_ptr<Reply> reply = target.port->blank();
    reply->accepted.emplace_back(target.endpoint, fd, peer);
    target.port->post(std::move(reply));
    return true;
  }

 private:
  struct Target {
    Ref<ReactorPort> port;
    uint32_t endpoint;
  };
  std::vector<Target> others_;
  size_t next_ = 0;
};

}  // namespace sluice
