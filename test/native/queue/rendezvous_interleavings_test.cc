// Every way in which a few threads can meet without a buffer, with a death at each step, an end in the middle, and selects that
// face each other; and the same with steps left out, which must be found.
#include "support/rendezvous.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "queue/wait_set.h"
#include "support/exploring.h"

namespace sluice::testing_support {
namespace {

using Mistakes = RendezvousMistakes;
using Offer = Rendezvous::Offer;
/// Ids of threads. Nothing is allocated for them: an execution that is given up never comes back to what its threads were doing.
class Ids {
 public:
  Ids(std::initializer_list<uint32_t> ids) : count_(ids.size()) {
    assert(count_ <= ids_.size());
    std::copy(ids.begin(), ids.end(), ids_.begin());
  }
  const uint32_t* begin() const { return ids_.data(); }
  const uint32_t* end() const { return ids_.data() + count_; }

 private:
  std::array<uint32_t, 4> ids_{};
  size_t count_;
};

/// A rendezvous of threads 1, 2, …, each with a place, and what they have sent and received.
class Meeting {
 public:
  static constexpr uint32_t kPlaces = 3;

  Meeting(Execution& run, uint32_t threads, const Mistakes& mistakes, uint32_t base = 0)
      : run_(&run), words_(run, base), wakers_(run), threads_(threads), mistakes_(mistakes) {
    std::array<uint32_t, kPlaces> tenants{};
    for (uint32_t i = 0; i < threads; i++) tenants.at(i) = i + 1;
    Rendezvous::create(words_, tenants);
    run.sequential = true;
  }

  /// As the thread that has place `id - 1` sees it.
  Rendezvous of(uint32_t id) const { return {words_, wakers_, id - 1, threads_, mistakes_}; }

  const ModelWakers& wakers() const { return wakers_; }
  void wake(const Ids& ids) const {
    for (const uint32_t id : ids) wakers_.wake(id);
  }
  void check(bool condition, const char* message) const { run_->check(condition, message); }

  // Said in the step that did it: whoever dies, dies before or after both.
  void sent(uint32_t value) {
    sent_.at(value) = true;
    run_->note(value);
  }
  void received(uint32_t value) {
    check(!received_.at(value), "received a value twice");
    received_.at(value) = true;
    run_->note(16 + value);
  }
  /// In the hands of the dead, who may have said that they had received it.
  void lost(uint32_t count) {
    lost_ += count;
    run_->note(32 + lost_);
  }
  /// The thread has nothing in mind but where in its program it is.
  void forget(uint32_t where) const { run_->forget(where); }

  /// Nobody waits any more.
  void over() const {
    uint32_t missing = 0;
    for (size_t i = 0; i < sent_.size(); i++) {
      check(sent_.at(i) || !received_.at(i), "received what nobody sent");
      missing += sent_.at(i) && !received_.at(i) ? 1 : 0;
    }
    check(missing <= lost_, "lost a value, or sent it to nobody");
    check(of(1).isIdle(), "a place is not idle in the end");
  }

 private:
  Execution* run_;
  ModelWords words_;
  ModelWakers wakers_;
  uint32_t threads_;
  Mistakes mistakes_;
  std::array<bool, 8> sent_{};
  std::array<bool, 8> received_{};
  uint32_t lost_ = 0;
};

/// Thread `id` waits until a value comes; 0: it is shut, and nothing will. `where`: of its program.
uint32_t receive(Meeting& meeting, uint32_t id, const Ids& senders, uint32_t where = 0) {
  for (;;) {
    meeting.forget(where);
    Rendezvous mine = meeting.of(id);
    if (mine.claimPop()) {
      const uint32_t value = mine.read();
      meeting.received(value);
      mine.release();
      return value;
    }
    meeting.forget(where + 1);
    if (mine.isShut() && mine.length() == 0) {
      mine.retract();
      return 0;
    }
    meeting.forget(where + 2);
    const Offer offer = mine.offer();
    if (offer == Offer::kValueThere) continue;
    if (offer == Offer::kMade) meeting.wake(senders);
    meeting.forget(where + 3);
    meeting.wakers().sleep(id);
  }
}

bool trySend(Meeting& meeting, uint32_t id, uint32_t value, const Ids& receivers) {
  Rendezvous mine = meeting.of(id);
  if (!mine.push(value)) return false;
  meeting.sent(value);
  meeting.forget(value);
  meeting.wake(receivers);
  return true;
}

/// Thread `id` waits until `value` is sent, or the rendezvous is shut.
void send(Meeting& meeting, uint32_t id, uint32_t value, const Ids& receivers) {
  for (;;) {
    meeting.forget(value);
    if (trySend(meeting, id, value, receivers)) return;
    meeting.forget(8 + value);
    if (meeting.of(id).isShut()) {
      meeting.wake(receivers);  // they may have taken a claim for one that would hold
      return;
    }
    meeting.forget(16 + value);
    meeting.wakers().sleep(id);
  }
}

void shut(Meeting& meeting, uint32_t id, const Ids& others) {
  meeting.of(id).shut();
  meeting.forget(24);
  meeting.wake(others);
}

/// What every other thread does at a death, done by one: another one dies, and all are woken.
void bury(Meeting& meeting, uint32_t dead, uint32_t self) {
  meeting.wakers().die(dead);
  meeting.lost(meeting.of(self).sweep(self));
  meeting.forget(25);
  meeting.wakers().wakeAll();
}

/// Two who wait for a value each, and a sender who would have one more.
Program twoReceivers(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, mistakes);
    for (uint32_t id = 1; id <= 2; id++) run.thread([meeting, id] { receive(*meeting, id, {3}); });
    run.thread([meeting] {
      send(*meeting, 3, 1, {1, 2});
      send(*meeting, 3, 2, {1, 2});
      trySend(*meeting, 3, 3, {1, 2});
    });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// One who waits for a value, a sender that may die, and one that is there to send after its death.
Program senderDies(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, mistakes);
    run.thread([meeting] {
      receive(*meeting, 1, {2, 3});
      shut(*meeting, 1, {2, 3});
    });
    run.thread([meeting] { send(*meeting, 2, 1, {1}); });
    run.mayDie(2, [meeting] {
      bury(*meeting, 2, 3);
      send(*meeting, 3, 2, {1});
    });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// One who receives until it shuts the rendezvous, and two senders that wait, of whom one may die.
Program oneOfTwoSendersDies() {
  return [](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, Mistakes{});
    run.thread([meeting] {
      while (const uint32_t value = receive(*meeting, 1, {2, 3}))
        if (value == 2) shut(*meeting, 1, {2, 3});
    });
    for (uint32_t id = 2; id <= 3; id++) run.thread([meeting, id] { send(*meeting, id, 4 - id, {1}); });
    run.mayDie(3, [meeting] { bury(*meeting, 3, 1); });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// One who waits for a value and may die, one that is there to receive after its death, and a sender of two values that
/// gives the second up when nobody waits.
Program receiverDies(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, mistakes);
    run.thread([meeting] { receive(*meeting, 1, {2}); });
    run.thread([meeting] {
      send(*meeting, 2, 1, {1, 3});
      trySend(*meeting, 2, 2, {1, 3});
      shut(*meeting, 2, {1, 3});
    });
    run.mayDie(1, [meeting] {
      bury(*meeting, 1, 3);
      while (receive(*meeting, 3, {2}) != 0) {
      }
    });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// Two who wait for a value each, of whom one may die, and a sender. It shuts the rendezvous, so that the other need not
/// wait for what the dead has taken.
Program oneOfTwoReceiversDies() {
  return [](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, Mistakes{});
    for (uint32_t id = 1; id <= 2; id++) run.thread([meeting, id] { receive(*meeting, id, {3}); });
    run.thread([meeting] {
      send(*meeting, 3, 1, {1, 2});
      shut(*meeting, 3, {1, 2});
    });
    run.mayDie(1, [meeting] { bury(*meeting, 1, 3); });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// One offers its place and takes that back, or dies; then nobody waits.
Program offerDies(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 2, mistakes);
    run.thread([meeting] {
      const Rendezvous mine = meeting->of(1);
      mine.offer();
      mine.retract();
    });
    run.mayDie(1, [meeting] {
      bury(*meeting, 1, 2);
      trySend(*meeting, 2, 1, {});
    });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// A receiver, two senders, and one that shuts it at any moment.
Program shutting(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, mistakes);
    run.thread([meeting] {
      while (receive(*meeting, 1, {2, 3}) != 0) {
      }
    });
    for (uint32_t id = 2; id <= 3; id++) run.thread([meeting, id] { send(*meeting, id, id, {1}); });
    run.thread([meeting] { shut(*meeting, 1, {1, 2, 3}); });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// A sender of two values; one who gives its wait up, perhaps when it was sent to; and one who then receives what is left.
Program givesUp(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 3, mistakes);
    run.thread([meeting] {
      uint32_t last = 0;
      while (const uint32_t value = receive(*meeting, 1, {2}, 4 * last)) {
        meeting->check(value > last, "out of order");
        last = value;
      }
    });
    run.thread([meeting] {
      send(*meeting, 2, 1, {1});
      send(*meeting, 2, 2, {1});
      shut(*meeting, 2, {1});
    });
    run.thread([meeting] {
      const Rendezvous mine = meeting->of(3);
      if (mine.offer() == Offer::kMade) meeting->wake({2});
      if (!mine.retract()) meeting->wake({1});
    });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// A sender has died that had claimed the receiver's place. Two bury it, and a new thread takes its place, to send.
Program placeIsTakenOver(Mistakes mistakes = {}) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 2, mistakes);
    meeting->of(1).offer();
    meeting->of(2).claimPush();
    meeting->wakers().die(2);
    run.thread([meeting] { receive(*meeting, 1, {3}); });
    for (uint32_t id = 4; id <= 5; id++) {
      run.thread([meeting, id] {
        meeting->of(1).sweep(id);
        meeting->forget(0);
        meeting->wake({1, 3});
      });
    }
    run.thread([meeting] {
      while (!meeting->of(2).takePlace(3)) meeting->wakers().sleep(3);
      for (meeting->forget(1); !trySend(*meeting, 2, 1, {1}); meeting->forget(1)) meeting->wakers().sleep(3);
    });
    run.atEnd([meeting] { meeting->over(); });
  };
}

/// A select of thread `id`: it receives in one rendezvous or sends `value` in another, whichever is first.
void choose(Meeting& in, Meeting& out, uint32_t id, uint32_t value, bool holds) {
  const uint32_t other = 3 - id;
  for (;;) {
    in.forget(0);
    Rendezvous mine = in.of(id);
    if (mine.claimPop()) {
      in.received(mine.read());
      mine.release();
      return;
    }
    in.forget(1);
    // The other case must not happen too. If it has, its value is on the way.
    if (!holds || mine.retract()) {
      in.forget(2);
      if (trySend(out, id, value, {other})) {
        if (!holds) mine.retract();
        return;
      }
      in.forget(3);
      const Offer offer = mine.offer();
      if (offer == Offer::kValueThere) continue;
      if (offer == Offer::kMade) in.wake({other});
    }
    in.forget(4);
    in.wakers().sleep(id);
  }
}

/// Two selects that face each other: what one sends, the other receives.
Program facingSelects(bool hold = true) {
  return [=](Execution& run) {
    auto there = std::make_shared<Meeting>(run, 2, Mistakes{});
    auto back = std::make_shared<Meeting>(run, 2, Mistakes{}, 128);
    run.thread([=] { choose(*back, *there, 1, 1, hold); });
    run.thread([=] { choose(*there, *back, 2, 2, hold); });
    run.atEnd([there, back] {
      there->over();
      back->over();
    });
  };
}

/// A sender that parks in a wait set, under all that the memory model allows.
Program parkedSender(bool looksAgain = true) {
  return [=](Execution& run) {
    auto meeting = std::make_shared<Meeting>(run, 2, Mistakes{});
    run.sequential = false;
    const ModelWords waiting(run, 4096);
    run.thread([meeting, waiting] {
      Rendezvous mine = meeting->of(1);
      while (mine.pop() == 0) {
        WaitSet writers(waiting, meeting->wakers(), 1);
        if (mine.offer() == Offer::kMade && writers.occupied()) writers.wakeOne();
        meeting->wakers().sleep(1);
      }
    });
    run.thread([meeting, waiting, looksAgain] {
      Rendezvous mine = meeting->of(2);
      WaitSet writers(waiting, meeting->wakers(), 2);
      while (!mine.push(1)) {
        writers.park();
        if (looksAgain && mine.push(1)) break;
        meeting->wakers().sleep(2);
      }
      meeting->wake({1});
    });
  };
}

TEST(Rendezvous, GivesOneValueForOneWait) { passes(twoReceivers()); }
TEST(Rendezvous, GoesOnWhenASenderDies) {
  passes(senderDies());
  if (stressed()) passes(oneOfTwoSendersDies());  // a million states
}
TEST(Rendezvous, GoesOnWhenAReceiverDies) {
  passes(receiverDies());
  if (stressed()) passes(oneOfTwoReceiversDies());  // five million
}
TEST(Rendezvous, TakesBackTheOfferOfTheDead) { passes(offerDies()); }
TEST(Rendezvous, LosesNothingWhenItIsShut) { passes(shutting()); }
TEST(Rendezvous, KeepsTheOrderOfWhatIsLeftBehind) { passes(givesUp()); }
TEST(Rendezvous, GivesThePlaceOfTheDeadToANewThread) { passes(placeIsTakenOver()); }
TEST(Rendezvous, LetsOneOfTwoSelectsSend) { passes(facingSelects()); }
TEST(Rendezvous, WakesASenderThatParks) { passes(parkedSender()); }

// Planted bugs: each a step that was left out, or an order that is too weak.

TEST(PlantedBug, OfferKeptByOneThatTakesAnothersValue) { fails(twoReceivers({.keepsItsOffer = true}), ""); }
TEST(PlantedBug, ValueTakenBesideAClaimOfTheOwnPlace) { fails(twoReceivers({.takesBesideAClaim = true}), "nobody"); }
TEST(PlantedBug, PlaceOfAnotherReleasedInSilence) { fails(twoReceivers({.wakesNobody = true}), "sleeps"); }
TEST(PlantedBug, PlaceOfADeadSenderLeftClaimed) { fails(senderDies({.leavesWriting = true}), "sleeps"); }
TEST(PlantedBug, PlaceOfADeadReceiverLeftClaimed) { fails(receiverDies({.leavesReading = true}), ""); }
TEST(PlantedBug, OfferOfTheDeadLeft) { fails(offerDies({.leavesOffer = true}), "nobody"); }
TEST(PlantedBug, ClaimThatDoesNotLookWhetherItIsShut) { fails(shutting({.ignoresShut = true}), "nobody"); }
TEST(PlantedBug, LowestTicketLookedForOnce) { fails(givesUp({.looksOnce = true}), "order"); }
TEST(PlantedBug, OfferMadeBesideAValue) { fails(twoReceivers({.offersBesideAValue = true}), "nobody"); }
TEST(PlantedBug, TwoRepairOnePlace) { fails(placeIsTakenOver({.repairsTogether = true}), ""); }
TEST(PlantedBug, SelectThatSendsWithoutHoldingItsOtherCases) { fails(facingSelects(false), "nobody"); }
TEST(PlantedBug, SenderParkedWithoutASecondLook) { fails(parkedSender(false), "sleeps"); }
TEST(PlantedBug, PlaceOfferedWithAReleaseStore) {
  fails(weakened(parkedSender(), Order::kRelease, storesTo(Rendezvous::placeAt(0))), "");
}
TEST(PlantedBug, ValuePublishedWithARelaxedStore) {
  fails(weakened(parkedSender(), Order::kRelaxed, storesTo(Rendezvous::placeAt(0))), "");
}

}  // namespace
}  // namespace sluice::testing_support
