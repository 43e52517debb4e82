// What the explorer of interleavings lets happen, by the litmus tests that memory models are known by: a result that C++
// allows must turn up, and one that it forbids must not.
#include "support/interleavings.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <vector>

namespace sluice::testing_support {
namespace {

constexpr uint32_t kX = 0;
constexpr uint32_t kY = 1;

using Results = std::set<std::vector<uint32_t>>;

/// All results that `threads`, each of which may write two of the four results, can have.
Results resultsOf(const std::vector<std::function<void(Execution&, uint32_t*)>>& threads) {
  Results results;
  std::array<uint32_t, 4> got{};
  const Outcome outcome = explore([&](Execution& run) {
    got = {};
    for (size_t i = 0; i < threads.size(); i++)
      run.thread([&run, &got, &threads, i] { threads[i](run, &got.at(i < 2 ? 2 * i : 2 * i - 4)); });
    run.atEnd([&] { results.insert({got.begin(), got.end()}); });
  });
  EXPECT_EQ(outcome.failure, "");
  EXPECT_TRUE(outcome.exhausted);
  return results;
}

Results storeBuffering(Order store, Order load) {
  return resultsOf({[=](Execution& run, uint32_t* got) {
                      run.store(kX, 1, store);
                      got[0] = run.load(kY, load);
                    },
                    [=](Execution& run, uint32_t* got) {
                      run.store(kY, 1, store);
                      got[0] = run.load(kX, load);
                    }});
}

TEST(Litmus, StoresMayWaitInABuffer) {
  const Results all{{0, 0, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}, {1, 0, 1, 0}};
  EXPECT_EQ(storeBuffering(Order::kRelaxed, Order::kRelaxed), all);
  EXPECT_EQ(storeBuffering(Order::kRelease, Order::kAcquire), all);
  EXPECT_EQ(storeBuffering(Order::kRelease, Order::kSeqCst), all);
  const Results sequential{{0, 0, 1, 0}, {1, 0, 0, 0}, {1, 0, 1, 0}};
  EXPECT_EQ(storeBuffering(Order::kSeqCst, Order::kSeqCst), sequential);
}

Results messagePassing(Order store, Order load) {
  return resultsOf({[=](Execution& run, uint32_t*) {
                      run.store(kX, 1, Order::kRelaxed);
                      run.store(kY, 1, store);
                    },
                    [=](Execution& run, uint32_t* got) {
                      got[0] = run.load(kY, load);
                      got[1] = run.load(kX, Order::kRelaxed);
                    }});
}

TEST(Litmus, MessagesMayArriveBeforeTheirData) {
  const Results all{{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 1, 0}, {0, 0, 1, 1}};
  EXPECT_EQ(messagePassing(Order::kRelaxed, Order::kAcquire), all);
  EXPECT_EQ(messagePassing(Order::kRelease, Order::kRelaxed), all);
  const Results passed{{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 1, 1}};
  EXPECT_EQ(messagePassing(Order::kRelease, Order::kAcquire), passed);
}

TEST(Litmus, OneWordNeverGoesBack) {
  const Results results = resultsOf({[](Execution& run, uint32_t*) {
                                       run.store(kX, 1, Order::kRelaxed);
                                       run.store(kX, 2, Order::kRelaxed);
                                     },
                                     [](Execution& run, uint32_t* got) {
                                       got[0] = run.load(kX, Order::kRelaxed);
                                       got[1] = run.load(kX, Order::kRelaxed);
                                     }});
  EXPECT_EQ(results, (Results{{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 0, 2}, {0, 0, 1, 1}, {0, 0, 1, 2}, {0, 0, 2, 2}}));
}

/// Two writers, and two readers who look at them in opposite order: may they disagree about which was first?
bool readersDisagree(Order store, Order load) {
  const auto reader = [=](uint32_t first, uint32_t second) {
    return [=](Execution& run, uint32_t* got) {
      got[0] = run.load(first, load);
      got[1] = run.load(second, load);
    };
  };
  const auto writer = [=](uint32_t word) { return [=](Execution& run, uint32_t*) { run.store(word, 1, store); }; };
  return resultsOf({reader(kX, kY), reader(kY, kX), writer(kX), writer(kY)}).contains({1, 0, 1, 0});
}

TEST(Litmus, ReadersMayDisagreeUnlessAllIsSequential) {
  EXPECT_TRUE(readersDisagree(Order::kRelease, Order::kAcquire));
  EXPECT_FALSE(readersDisagree(Order::kSeqCst, Order::kSeqCst));
}

TEST(Litmus, ExchangesLoseNothing) {
  const auto add = [](Execution& run, uint32_t* got) {
    for (int i = 0; i < 2; i++) {
      got[i] = run.exchange(kX, Order::kRelaxed, [](uint32_t& value) { return ++value, true; });
    }
  };
  const Results results = resultsOf({add, add});
  EXPECT_EQ(results.size(), 6U);  // the ways to merge two and two
  for (const std::vector<uint32_t>& got : results) EXPECT_EQ(got[0] + got[1] + got[2] + got[3], 0U + 1 + 2 + 3);
}

TEST(Litmus, PlainAccessesRaceUnlessOrdered) {
  for (const bool ordered : {false, true}) {
    const Outcome outcome = explore([&](Execution& run) {
      run.thread([&run, ordered] {
        run.write(kX, 1);
        run.store(kY, 1, ordered ? Order::kRelease : Order::kRelaxed);
      });
      run.thread([&run] {
        if (run.load(kY, Order::kAcquire) == 1) run.check(run.read(kX) == 1, "read an old value");
      });
    });
    EXPECT_EQ(outcome.failure, ordered ? "" : "a plain read races with a write");
  }
}

TEST(Litmus, ThreadsThatSleepForEachOtherAreFound) {
  const Outcome outcome = explore([](Execution& run) {
    run.thread([&run] {
      run.sleepWhile(kX, 0);
      run.store(kY, 1, Order::kRelaxed);
    });
    run.thread([&run] {
      run.sleepWhile(kY, 0);
      run.store(kX, 1, Order::kRelaxed);
    });
  });
  EXPECT_EQ(outcome.failure, "every thread that is left sleeps");
}

TEST(Litmus, EveryStateIsVisitedOnce) {
  const Outcome outcome = explore([](Execution& run) {
    for (uint32_t word = 0; word < 3; word++)
      run.thread([&run, word] {
        for (uint32_t i = 1; i <= 4; i++) run.store(word, i, Order::kRelease);
      });
  });
  EXPECT_EQ(outcome.states, 5U * 5 * 5 - 1);  // all but the last, in which there is nothing to choose
}

}  // namespace
}  // namespace sluice::testing_support
