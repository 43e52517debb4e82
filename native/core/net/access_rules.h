// Who may connect, by address: lists of CIDR prefixes (RFC 4632) to allow and to deny. Deny wins; an empty list to allow
// allows everybody.
//
// Each list is a binary trie, one for each family, so a look-up costs at most as many steps as an address has bits, however
// long the list. An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is looked up as the IPv4 address that it is, and whoever
// makes the list gives a prefix of such addresses as one of IPv4.
//
// Rules are made once and never changed, so reactors on several threads read them without a lock: new rules are a new
// object.
#pragma once

#include <cstdint>
#include <vector>

#include "net/address.h"
#include "threads/ref.h"

namespace sluice {

/// The first `bits` of an address; its port does not matter.
struct Prefix {
  PeerAddress address;
  uint8_t bits = 0;
};

class PrefixTrie {
 public:
  PrefixTrie() : nodes_(1) {}

  void add(const uint8_t* bytes, uint32_t bits) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < bits; i++) {
      if (nodes_[at].ends) return;  // a shorter prefix covers it
      const size_t side = bit(bytes, i);
      if (nodes_[at].next[side] == 0) {
        nodes_[at].next[side] = static_cast<uint32_t>(nodes_.size());
        nodes_.push_back({});
      }
      at = nodes_[at].next[side];
    }
    nodes_[at].ends = true;
  }
  /// Whether some prefix covers the address.
  bool covers(const uint8_t* bytes, uint32_t bits) const noexcept {
    uint32_t at = 0;
    for (uint32_t i = 0;; i++) {
      if (nodes_[at].ends) return true;
      if (i == bits) return false;
      at = nodes_[at].next[bit(bytes, i)];
      if (at == 0) return false;
    }
  }

 private:
  struct Node {
    uint32_t next[2] = {0, 0};  // 0: none, since the root is nobody's child
    bool ends = false;
  };
  static size_t bit(const uint8_t* bytes, uint32_t i) noexcept { return bytes[i / 8] >> (7 - i % 8) & 1; }

  std::vector<Node> nodes_;
};

class PrefixList {
 public:
  void add(const Prefix& prefix) {
    empty_ = false;
    (prefix.address.family == AF_INET ? v4_ : v6_).add(prefix.address.ip.data(), prefix.bits);
  }
  bool empty() const noexcept { return empty_; }
  /// Never of a unix(7) peer, which has no address.
  bool covers(const PeerAddress& peer) const noexcept {
    if (peer.family == AF_INET) return v4_.covers(peer.ip.data(), 32);
    return peer.family == AF_INET6 && v6_.covers(peer.ip.data(), 128);
  }

 private:
  PrefixTrie v4_;
  PrefixTrie v6_;
  bool empty_ = true;
};

class AccessRules : public RefCounted {
 public:
  PrefixList allow;
  PrefixList deny;

  bool admits(const PeerAddress& peer) const noexcept {
    return !deny.covers(peer) && (allow.empty() || allow.covers(peer));
  }
};

}  // namespace sluice
