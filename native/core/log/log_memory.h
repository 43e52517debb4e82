// What the log's thread and the threads that append share: the same numbers as lib/log/memory.ts; a test compares both halves through
// kAll.
//
// The log's memory: a line that says what it is, a line of numbers that the log's thread publishes, three wait sets (who waits for answers or records, the
// log's thread, who waits for the log's end), and the ring of
// claims. Each appending thread brings memory of its own for answers: how many there are, and the answers, a double each, in the order
// of its claims: the offset of the first record, or an error negated.
#pragma once

#include <cstdint>

#include "queue/layout.h"

namespace sluice::log_memory {

inline constexpr uint32_t kKind = 0;
inline constexpr uint32_t kMark = 0x51ceU << 16 | layout::kVersion << 8 | 32;

/// 64-bit numbers, each two words.
inline constexpr uint32_t kEnd = layout::kLineWords;
inline constexpr uint32_t kStart = layout::kLineWords + 2;
inline constexpr uint32_t kState = layout::kLineWords + 4;
inline constexpr uint32_t kError = layout::kLineWords + 5;  // errno of what broke it
inline constexpr uint32_t kWaiting = 2 * layout::kLineWords;
inline constexpr uint32_t kSleeping = 3 * layout::kLineWords;
inline constexpr uint32_t kEnding = 4 * layout::kLineWords;
inline constexpr uint32_t kRing = 5 * layout::kLineWords;

inline constexpr uint32_t kOpen = 0;
inline constexpr uint32_t kFailed = 1;
inline constexpr uint32_t kClosed = 2;

/// A claim: two words say what it is and whose, the rest depends.
inline constexpr uint32_t kClaimKind = 0;
inline constexpr uint32_t kClaimProducer = 1;
inline constexpr uint32_t kClaimBody = 2;
inline constexpr uint32_t kAppend = 1;   // number of records, and the records
inline constexpr uint32_t kStashed = 2;  // the number under which the same lies in memory of its own
inline constexpr uint32_t kSync = 3;
inline constexpr uint32_t kTrim = 4;  // an offset, two words
inline constexpr uint32_t kClose = 5;

/// A record of an append: six words, then key, headers and value, filled up to a whole word.
inline constexpr uint32_t kRecordFlagsWord = 0;
inline constexpr uint32_t kRecordValueBytes = 1;
inline constexpr uint32_t kRecordKeyBytes = 2;
inline constexpr uint32_t kRecordHeadersBytes = 3;
inline constexpr uint32_t kRecordTime = 4;  // two words
inline constexpr uint32_t kRecordWords = 6;

inline constexpr uint32_t kAnswersDone = 0;
inline constexpr uint32_t kAnswers = layout::kLineWords;  // words; doubles from there on

/// Answers that are no offsets. A refusal for want of room is the errno value negated.
inline constexpr double kAnswerFailed = -1001;
inline constexpr double kAnswerClosed = -1002;
inline constexpr double kAnswerInvalid = -1003;

inline constexpr layout::Constant kAll[] = {
    {"LOG_MARK", kMark},
    {"LOG_END", kEnd},
    {"LOG_START", kStart},
    {"LOG_STATE", kState},
    {"LOG_ERROR", kError},
    {"LOG_WAITING", kWaiting},
    {"LOG_SLEEPING", kSleeping},
    {"LOG_ENDING", kEnding},
    {"LOG_RING", kRing},
    {"LOG_OPEN", kOpen},
    {"LOG_FAILED", kFailed},
    {"LOG_CLOSED", kClosed},
    {"CLAIM_APPEND", kAppend},
    {"CLAIM_STASHED", kStashed},
    {"CLAIM_SYNC", kSync},
    {"CLAIM_TRIM", kTrim},
    {"CLAIM_CLOSE", kClose},
    {"RECORD_WORDS", kRecordWords},
    {"ANSWERS_DONE", kAnswersDone},
    {"ANSWERS", kAnswers},
};

}  // namespace sluice::log_memory
