// The PROXY protocol, versions 1 and 2 ("The PROXY protocol", HAProxy's doc/proxy-protocol.txt): what a proxy says in front
// of a connection's own bytes about whose connection it passes on.
//
// A header is believed from trusted addresses only, since whoever sends one chooses the address that the program sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/access_rules.h"
#include "net/address.h"

namespace sluice {

class ProxyPolicy : public RefCounted {
 public:
  PrefixList trusted;
  bool required = false;

  /// Who may connect to a unix(7) socket is the file's affair, so its peers are trusted.
  bool trusts(const PeerAddress& peer) const noexcept { return peer.family == AF_UNIX || trusted.covers(peer); }
};

struct ProxyHeader {
  enum class Outcome : uint8_t {
    kWhole,
    kMore,       // what is there may be the beginning of one
    kNone,       // the bytes don't begin as a header does
    kMalformed,  // they do, and are none; or it is longer than kMaxBytes
  };
  /// The longest header that is taken. (The specification lets the receiver choose.)
  static constexpr size_t kMaxBytes = 8 * 1024;

  Outcome outcome = Outcome::kMore;
  uint8_t version = 0;
  /// The proxy speaks for itself, a health check as a rule, or does not say for whom: there is no client's address.
  bool local = false;
  PeerAddress client;
  size_t length = 0;     // of the whole header
  size_t tlvsBegin = 0;  // where the type-length-value fields of version 2 lie in it, up to its end

  static ProxyHeader parse(const uint8_t* bytes, size_t length) noexcept;
};

/// What a connection that came through a proxy keeps of it.
struct ProxyInfo {
  PeerAddress proxy;
  uint8_t version = 0;
  bool local = false;
  std::string tlvs;
};

}  // namespace sluice
