// The timing wheel against an ordered set, with random moments from a millisecond to a year.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "threads/deadline_wheel.h"

namespace sluice {
namespace {

struct Timer {
  Deadline<Timer> deadline;
  uint64_t dueMs = 0;
};
using Wheel = DeadlineWheel<Timer, &Timer::deadline>;

TEST(DeadlineWheel, GivesEachWhenItsMomentHasComeAndNoneBefore) {
  std::mt19937_64 random(1);
  for (const uint64_t start : {uint64_t{0}, uint64_t{4'000'000'000}, (uint64_t{1} << 36) - 500}) {
    Wheel wheel(start);
    std::vector<Timer> timers(500);
    std::set<std::pair<uint64_t, Timer*>> model;
    uint64_t now = start;
    for (int step = 0; step < 20'000; step++) {
      Timer& timer = timers[random() % timers.size()];
      const uint64_t kind = random() % 10;
      if (kind < 6) {
        model.erase({timer.dueMs, &timer});
        timer.dueMs = now + 1 + random() % (uint64_t{1} << random() % 35);
        model.insert({timer.dueMs, &timer});
        wheel.arm(timer, timer.dueMs);
      } else if (kind < 7) {
        model.erase({timer.dueMs, &timer});
        wheel.disarm(timer);
      } else {
        const uint64_t next = wheel.nextMs();
        ASSERT_EQ(next == Wheel::kNever, model.empty());
        if (!model.empty()) {
          ASSERT_LE(next, model.begin()->first) << "it must not sleep beyond the first";
        }
        now = kind < 9 || model.empty() ? now + random() % 5000 : model.begin()->first;
        std::multiset<uint64_t> given;
        while (Timer* due = wheel.popDue(now)) {
          ASSERT_LE(due->dueMs, now);
          ASSERT_EQ(model.erase({due->dueMs, due}), 1u);
        }
        ASSERT_TRUE(model.empty() || model.begin()->first > now) << "one that is due was kept";
      }
    }
  }
}

TEST(DeadlineWheel, IsLookedAtAFewTimesForALongDeadlineAndNotOftener) {
  Wheel wheel(12'345);
  Timer timer;
  wheel.arm(timer, 12'345 + 86'400'000);
  int looks = 0;
  while (wheel.popDue(wheel.nextMs()) == nullptr) ASSERT_LT(++looks, 7);
  EXPECT_TRUE(wheel.empty());
}

TEST(DeadlineWheel, TakesAMomentThatIsOverForOneThatIsDue) {
  Wheel wheel(1000);
  Timer timer;
  wheel.arm(timer, 3);
  EXPECT_EQ(wheel.popDue(1001), &timer);
  EXPECT_EQ(wheel.nextMs(), Wheel::kNever);
}

}  // namespace
}  // namespace sluice
