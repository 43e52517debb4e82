// Who may connect: the limits on counts of connections, for a listener as a whole.
//
// A listener that several reactors share has one Admission, so it has a lock; an accept costs a hundred times as much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "net/address.h"
#include "threads/ref.h"

namespace sluice {

class Admission : public RefCounted {
 public:
  enum class Verdict : uint8_t { kAdmitted, kTooMany, kTooManyOfAddress };

  /// Counts towards no address: a proxy, whose clients are counted, or a unix(7) peer.
  static constexpr PeerAddress kNobody{.ip = {}, .port = 0, .family = AF_UNIX};

  Admission(uint32_t connections, uint32_t ofAddress) noexcept : limit_(connections), limitOfAddress_(ofAddress) {}

  Verdict enter(const PeerAddress& peer) noexcept {
    const std::lock_guard lock(mutex_);
    if (count_ >= limit_) return Verdict::kTooMany;
    if (isCounted(peer)) {
      uint32_t& ofAddress = perAddress_[peer];
      if (ofAddress >= limitOfAddress_) return Verdict::kTooManyOfAddress;
      ofAddress++;
    }
    count_++;
    return Verdict::kAdmitted;
  }

  /// kNobody, which is in, turns out to be `peer`.
  Verdict becomes(const PeerAddress& peer) noexcept {
    const std::lock_guard lock(mutex_);
    if (!isCounted(peer)) return Verdict::kAdmitted;
    uint32_t& ofAddress = perAddress_[peer];
    if (ofAddress >= limitOfAddress_) return Verdict::kTooManyOfAddress;
    ofAddress++;
    return Verdict::kAdmitted;
  }

  void leave(const PeerAddress& peer) noexcept {
    const std::lock_guard lock(mutex_);
    count_--;
    if (!isCounted(peer)) return;
    const auto ofAddress = perAddress_.find(peer);
    if (--ofAddress->second == 0) perAddress_.erase(ofAddress);
  }

  /// Addresses that are counted now: those that have connections.
  size_t addressCount() noexcept {
    const std::lock_guard lock(mutex_);
    return perAddress_.size();
  }

 private:
  /// Unix peers have no address that would tell them apart.
  bool isCounted(const PeerAddress& peer) const noexcept {
    return limitOfAddress_ != UINT32_MAX && peer.family != AF_UNIX;
  }

  const uint32_t limit_;
  const uint32_t limitOfAddress_;
  std::mutex mutex_;
  uint32_t count_ = 0;
  std::unordered_map<PeerAddress, uint32_t, HostHash, SameHost> perAddress_;  // only with that limit
};

}  // namespace sluice
