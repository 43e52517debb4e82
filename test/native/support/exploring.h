// Tests that explore programs: one that must hold in every run, and one with a bug planted that must be found.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include "support/interleavings.h"

namespace sluice::testing_support {

using Program = std::function<void(Execution&)>;

/// Whether programs of hundreds of thousands of states are to be explored too.
inline bool stressed() {
  const char* stress = std::getenv("SLUICE_STRESS");
  return stress != nullptr && std::string(stress) == "full";
}

// A sanitizer slows the explorer down many times over, and has only the explorer itself to look at: all states are for the
// plain build.
#if defined(SLUICE_ASAN) || defined(SLUICE_TSAN)
inline constexpr bool kSanitized = true;
inline constexpr uint64_t kMaxStates = 200;
#else
inline constexpr bool kSanitized = false;
inline constexpr uint64_t kMaxStates = 20'000'000;
#endif

inline void passes(const Program& program) {
  const Outcome outcome = explore(program, kMaxStates);
  EXPECT_EQ(outcome.failure, "");
  EXPECT_TRUE(outcome.exhausted || kSanitized) << "gave up after " << outcome.states << " states";
  EXPECT_GT(outcome.runs, 1U);
  std::cout << "  " << outcome.runs << " runs, " << outcome.states << " states\n";
}

inline void fails(const Program& program, const std::string& how) {
  const Outcome outcome = explore(program);
  EXPECT_NE(outcome.failure, "") << "a planted bug was not found in " << outcome.runs << " runs";
  EXPECT_NE(outcome.failure.find(how), std::string::npos) << outcome.failure;
}

/// `program`, with those of its accesses weakened to `order` to which this applies.
template <typename Applies>
Program weakened(const Program& program, Order order, Applies applies) {
  return [=](Execution& run) {
    run.weaken = [=](Access access, Order own) { return applies(access) ? order : own; };
    program(run);
  };
}

constexpr auto storesTo(uint32_t index) {
  return [=](Access access) { return access.kind == Access::Kind::kStore && access.index == index; };
}

}  // namespace sluice::testing_support
