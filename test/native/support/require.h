// An assertion that stays in every build: for what tests and fuzzers share.
#pragma once

#include <cstdio>
#include <cstdlib>

#define SLUICE_REQUIRE(condition)                                                                \
  do {                                                                                           \
    if (!(condition)) {                                                                          \
      std::fprintf(stderr, "%s:%d: required, but not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                              \
    }                                                                                            \
  } while (false)
