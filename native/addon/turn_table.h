// The words that a turn's call into JavaScript and back passes through: one Int32Array that JavaScript allocates.
//
// JavaScript has the same numbers in lib/net/turn-table.ts; both halves are compared by a test.
#pragma once

#include <cstdint>

#include "reactor/reactor.h"

namespace sluice::turn_table {

// Header words.
inline constexpr uint32_t kBatchCount = 0;   // native → JavaScript
inline constexpr uint32_t kEventCount = 1;   // native → JavaScript
inline constexpr uint32_t kArenaUsable = 2;  // JavaScript → native: the arena may be filled again
inline constexpr uint32_t kPieceCount = 3;   // JavaScript → native: output pieces to be sent
inline constexpr uint32_t kInTurn = 4;       // native → JavaScript: output is sent when the call returns
inline constexpr uint32_t kOutputEpoch = 6;  // JavaScript → native: its number for the output that is gathered
inline constexpr uint32_t kArena = 7;  // native → JavaScript: the number of the arena that the batches lie in; 0: none
inline constexpr uint32_t kWantedBytes = 8;   // native → JavaScript: an arena of that size is missing
inline constexpr uint32_t kArenaWasFull = 5;  // native → JavaScript: more was there than the arena could hold

// Batches: endpoint, first frame, frame count, and a word that JavaScript sets when the batch was released.
inline constexpr uint32_t kBatches = 16;
inline constexpr uint32_t kBatchWords = 4;
inline constexpr uint32_t kMaxBatches = Reactor::kMaxBatches;

// Events: kind | reason << 8, endpoint, slot, errno.
inline constexpr uint32_t kEvents = kBatches + kBatchWords * kMaxBatches;
inline constexpr uint32_t kEventWords = 4;
inline constexpr uint32_t kMaxEvents = 512;

inline constexpr uint32_t kWords = kEvents + kEventWords * kMaxEvents;

}  // namespace sluice::turn_table
