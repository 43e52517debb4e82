// lib/channel/shared/rendezvous.ts, step for step: one place for each thread, and the truth in each place's state. That file
// explains it. Only JavaScript threads meet in this way, so this half exists to be explored.
//
// As there, but for the wakes: whoever waits here has a mailbox, and is always woken. That a wake is not lost where it
// goes only to parked threads is what the tests of the wait set show.
#pragma once

#include <array>
#include <cstdint>

#include "support/interleavings.h"

namespace sluice::testing_support {

/// What an implementation could forget.
struct RendezvousMistakes {
  bool keepsItsOffer = false;
  bool offersBesideAValue = false;
  bool takesBesideAClaim = false;
  bool looksOnce = false;
  bool wakesNobody = false;
  bool ignoresShut = false;
  bool leavesWriting = false;
  bool leavesReading = false;
  bool leavesOffer = false;
  bool repairsTogether = false;
};

class Rendezvous {
 public:
  static constexpr uint32_t kPayload = 2;

  /// For the thread that has place `own`, of `places` in use.
  Rendezvous(const ModelWords& words, const ModelWakers& wakers, uint32_t own, uint32_t places,
             const RendezvousMistakes& mistakes = {})
      : words_(words), wakers_(wakers), own_(own), places_(places), mistakes_(mistakes) {}

  /// In memory that no other thread knows of yet: place i belongs to the thread with the id `tenants[i]`.
  template <size_t kPlaces>
  static void create(const ModelWords& words, const std::array<uint32_t, kPlaces>& tenants) {
    for (uint32_t i = 0; i < kPlaces; i++) words.write(placeAt(i) + kTenant, tenants.at(i));
  }

  void shut() const { words_.store(kShut, 1); }
  bool isShut() const { return words_.load(kShut) != 0; }

  uint32_t length() const {
    uint32_t count = 0;
    for (uint32_t place = places_; place-- > 0;) {
      count += words_.loadAs(placeAt(place), [](uint32_t state) { return isUnderWay(state) ? 1U : 0U; });
    }
    return count;
  }

  enum class Offer { kMade, kUnchanged, kValueThere };

  /// Made: senders are to be woken. A value is there: it may be for this thread, which takes one instead.
  Offer offer() const {
    const uint32_t own = placeAt(own_);
    if (words_.loadAs(own, [](uint32_t state) { return state == kIdle ? 1U : 0U; }) == 0) return Offer::kUnchanged;
    if (!mistakes_.offersBesideAValue && isPoppable()) return Offer::kValueThere;
    words_.store(own, kOffered);
    if (!isShut()) return Offer::kMade;
    retract();
    return Offer::kUnchanged;
  }

  /// False: a sender has acted on the offer.
  bool retract() const {
    const uint32_t own = placeAt(own_);
    const uint32_t state = words_.load(own);
    if (state == kOffered) return words_.compareExchange(own, kOffered, kIdle);
    return !isUnderWay(state);
  }

  bool claimPush() {
    const uint32_t writing = kWriting | own_ << kKindBits;
    for (uint32_t place = 0; place < places_; place++) {
      const uint32_t at = placeAt(place);
      if (words_.loadAs(at, [](uint32_t state) { return state == kOffered ? 1U : 0U; }) == 0) continue;
      if (!words_.compareExchange(at, kOffered, writing)) continue;
      if (!mistakes_.ignoresShut && isShut()) {
        words_.store(at, kIdle);
        return false;
      }
      claimed_ = place;
      return true;
    }
    return false;
  }

  void publish() const {
    const uint32_t ticket = words_.fetchAdd(kTicket, 1) + 1;
    words_.store(placeAt(claimed_), kFull | ticket << kKindBits);
  }

  bool push(uint32_t value) {
    if (!claimPush()) return false;
    words_.store(placeAt(claimed_) + kPayload,
                 value);  // a step, so that one who has no right to the place is found out
    publish();
    return true;
  }

  bool claimPop() {
    for (;;) {
      if (!findLowest()) return false;
      const uint32_t own = placeAt(own_);
      const uint32_t state = words_.loadAs(
          own, [](uint32_t word) { return word == kOffered || (word & kKind) == kWriting ? word & kKind : kIdle; });
      if (state == kWriting && !mistakes_.takesBesideAClaim) return false;
      if (state == kOffered && !mistakes_.keepsItsOffer && !words_.compareExchange(own, kOffered, kIdle)) continue;
      for (uint32_t full = 0; !mistakes_.looksOnce && full != lowest_;) {
        full = lowest_;
        if (!findLowest()) return false;
      }
      if (!words_.compareExchange(placeAt(lowestPlace_), lowest_, kReading | own_ << kKindBits)) continue;
      claimed_ = lowestPlace_;
      return true;
    }
  }

  uint32_t read() const { return words_.load(placeAt(claimed_) + kPayload); }

  void release() const {
    const uint32_t at = placeAt(claimed_);
    words_.store(at, kIdle);
    if (claimed_ != own_ && !mistakes_.wakesNobody) wakers_.wake(words_.load(at + kTenant));
  }

  /// 0: nothing is there for this thread.
  uint32_t pop() {
    if (!claimPop()) return 0;
    const uint32_t value = read();
    release();
    return value;
  }

  /// Ends what the dead had under way. `self` does it. How many values they were reading.
  uint32_t sweep(uint32_t self) const {
    uint32_t untaken = 0;
    for (uint32_t dead = 0; dead < places_; dead++) {
      const uint32_t at = placeAt(dead);
      const uint32_t tenant = words_.load(at + kTenant);
      if (tenant == 0 || wakers_.isAlive(tenant)) continue;
      if (!mistakes_.repairsTogether && !words_.compareExchange(at + kTenant, tenant, self)) continue;
      if (!mistakes_.leavesWriting) replace(kWriting | dead << kKindBits);
      if (!mistakes_.leavesReading) untaken += replace(kReading | dead << kKindBits);
      if (!mistakes_.leavesOffer) words_.compareExchange(at, kOffered, kIdle);
      words_.store(at + kTenant, 0);
    }
    return untaken;
  }

  /// Makes place `own` this thread's, if it is nobody's.
  bool takePlace(uint32_t self) const { return words_.compareExchange(placeAt(own_) + kTenant, 0, self); }

  bool isIdle() const {
    for (uint32_t place = 0; place < places_; place++)
      if (words_.load(placeAt(place)) != kIdle) return false;
    return true;
  }

  static constexpr uint32_t placeAt(uint32_t place) { return kFirstPlace + place * kStride; }

 private:
  static constexpr uint32_t kTicket = 0;
  static constexpr uint32_t kShut = 1;
  static constexpr uint32_t kFirstPlace = 8;
  static constexpr uint32_t kStride = 8;
  static constexpr uint32_t kTenant = 1;

  static constexpr uint32_t kIdle = 0;
  static constexpr uint32_t kOffered = 1;
  static constexpr uint32_t kWriting = 2;
  static constexpr uint32_t kFull = 3;
  static constexpr uint32_t kReading = 4;
  static constexpr uint32_t kKindBits = 3;
  static constexpr uint32_t kKind = (1U << kKindBits) - 1;

  static bool isUnderWay(uint32_t state) { return (state & kKind) == kWriting || (state & kKind) == kFull; }

  bool isPoppable() const {
    for (uint32_t place = places_; place-- > 0;) {
      const auto isFull = [](uint32_t state) { return (state & kKind) == kFull ? 1U : 0U; };
      if (words_.loadAs(placeAt(place), isFull) != 0) return true;
    }
    return false;
  }

  bool findLowest() {
    bool found = false;
    for (uint32_t place = places_; place-- > 0;) {
      const uint32_t state =
          words_.loadAs(placeAt(place), [](uint32_t word) { return (word & kKind) == kFull ? word : kIdle; });
      if (state == kIdle || (found && static_cast<int32_t>(state - lowest_) > 0)) continue;
      found = true;
      lowest_ = state;
      lowestPlace_ = place;
    }
    return found;
  }

  uint32_t replace(uint32_t state) const {
    uint32_t count = 0;
    for (uint32_t place = 0; place < places_; place++)
      if (words_.compareExchange(placeAt(place), state, kIdle)) count++;
    return count;
  }

  ModelWords words_;
  ModelWakers wakers_;
  uint32_t own_;
  uint32_t places_;
  RendezvousMistakes mistakes_;
  uint32_t claimed_ = 0;
  uint32_t lowest_ = 0;
  uint32_t lowestPlace_ = 0;
};

}  // namespace sluice::testing_support
