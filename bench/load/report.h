// What a load says when all of it was taken: one line of JSON.
#pragma once

#include <cstddef>

#include "clock.h"
#include "payload.h"

namespace load {

void report_load(std::size_t connections, const Tally& sent, const Payload& payload, const Stopwatch& watch) noexcept;

}  // namespace load
