// The deadlines of many objects, in one structure: a hierarchical timing wheel (Varghese and Lauck, "Hashed and hierarchical
// timing wheels", 1987), with a tick of one millisecond.
//
// Six levels of 64 slots reach 2^36 ms, two years. A deadline lies in the level of the highest digit, to the base 64, in which it
// differs from the wheel's time, in the slot that this digit names. So arming and disarming are O(1), and an object is moved
// at most five times before its moment. A word of bits for each level says which slots are taken, so the wheel knows when
// it has to be looked at next without looking at anything that waits.
//
// An object has one deadline. Where several limits hold for it, the owner arms for the first of them, looks at all when that
// has come, and arms again: so what happens often (bytes arrived) needs no more than a time stamp.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>

#include "net/intrusive_list.h"

namespace sluice {

template <typename T>
struct Deadline {
  ListLink<T> link;
  uint64_t atMs = 0;
  uint8_t level = 0;
  uint8_t slot = 0;

  bool isArmed() const noexcept { return link.linked(); }
};

/// `Member` is where T keeps its deadline.
template <typename T, Deadline<T> T::* Member>
class DeadlineWheel {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;

  explicit DeadlineWheel(uint64_t nowMs = 0) noexcept : nowMs_(nowMs) {}
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  /// In place of an earlier moment, if it had one. A moment that is over is due at the next look.
  void arm(T& object, uint64_t atMs) noexcept {
    disarm(object);
    Deadline<T>& deadline = object.*Member;
    deadline.atMs = std::clamp(atMs, nowMs_ + 1, nowMs_ + kReach);
    put(object);
  }
  void disarm(T& object) noexcept {
    Deadline<T>& deadline = object.*Member;
    if (!deadline.isArmed()) return;
    deadline.link.unlink();
    if (slots_[deadline.level][deadline.slot].empty()) taken_[deadline.level] &= ~bit(deadline.slot);
  }
  bool empty() const noexcept {
    return std::all_of(std::begin(taken_), std::end(taken_), [](uint64_t bits) { return bits == 0; });
  }

  /// When popDue() wants to be called: not after the earliest deadline, though perhaps before it.
  uint64_t nextMs() const noexcept {
    // A lower level's slots are all before those of a higher one.
    for (int level = 0; level < kLevels; level++) {
      if (taken_[level] != 0) return startOf(level, firstTaken(level));
    }
    return kNever;
  }

  /// One whose moment has come by `nowMs`; it is armed no more. Null when there are no further ones.
  T* popDue(uint64_t nowMs) noexcept {
    for (;;) {
      const uint64_t next = nextMs();
      if (next > nowMs) {
        nowMs_ = std::max(nowMs_, nowMs);
        return nullptr;
      }
      nowMs_ = std::max(nowMs_, next);
      int level = 0;
      while (taken_[level] == 0) level++;
      const uint32_t slot = firstTaken(level);
      List& list = slots_[level][slot];
      // The wheel's time has come to the slot: what lies in it is at home further down now, all of it at once, since the
      // levels below are looked at first.
      while (!list.empty()) {
        T& object = *list.front();
        disarm(object);
        if (level == 0) return &object;
        put(object);
      }
    }
  }

 private:
  static constexpr int kBits = 6;
  static constexpr uint32_t kSlots = 1U << kBits;
  static constexpr int kLevels = 6;
  /// One slot of the highest level less than the whole: so no moment of the next round shares the wheel's own slot.
  static constexpr uint64_t kReach = ((uint64_t{1} << kBits) - 1) << (kBits * (kLevels - 1));

  /// As IntrusiveList, for a link that is a member of a member.
  class List {
   public:
    List() noexcept { ring_.previous = ring_.next = &ring_; }
    bool empty() const noexcept { return ring_.next == &ring_; }
    /// Of a list that is not empty.
    T* front() const noexcept { return owner(ring_.next); }
    void pushBack(T& object) noexcept { (object.*Member).link.insertAfter(ring_.previous); }

   private:
    static T* owner(ListLink<T>* link) noexcept {
      alignas(T) static unsigned char probe[sizeof(T)];
      const auto* asObject = reinterpret_cast<const T*>(probe);
      const auto distance = reinterpret_cast<const unsigned char*>(&(asObject->*Member).link) - probe;
      return reinterpret_cast<T*>(reinterpret_cast<unsigned char*>(link) - distance);
    }
    ListLink<T> ring_;
  };

  static uint64_t bit(uint32_t slot) noexcept { return uint64_t{1} << slot; }
  static uint32_t digit(uint64_t atMs, int level) noexcept {
    return static_cast<uint32_t>(atMs >> (kBits * level)) & (kSlots - 1);
  }

  void put(T& object) noexcept {
    Deadline<T>& deadline = object.*Member;
    const uint64_t differs = (deadline.atMs ^ nowMs_) | 1;
    const int level = std::min((63 - std::countl_zero(differs)) / kBits, kLevels - 1);
    deadline.level = static_cast<uint8_t>(level);
    deadline.slot = static_cast<uint8_t>(digit(deadline.atMs, level));
    slots_[level][deadline.slot].pushBack(object);
    taken_[level] |= bit(deadline.slot);
  }

  /// The first slot from the wheel's own digit on, going round: only the highest level has ones that lie behind.
  uint32_t firstTaken(int level) const noexcept {
    const uint32_t from = digit(nowMs_, level);
    return (static_cast<uint32_t>(std::countr_zero(std::rotr(taken_[level], static_cast<int>(from)))) + from) &
           (kSlots - 1);
  }
  /// The moment at which a slot begins.
  uint64_t startOf(int level, uint32_t slot) const noexcept {
    const uint64_t span = uint64_t{1} << (kBits * level);
    const uint64_t round = nowMs_ >> (kBits * (level + 1)) << (kBits * (level + 1));
    const uint64_t start = round + slot * span;
    return start >= (nowMs_ & ~(span - 1)) ? start : start + (span << kBits);
  }

  uint64_t nowMs_;
  uint64_t taken_[kLevels] = {};
  List slots_[kLevels][kSlots];
};

}  // namespace sluice
