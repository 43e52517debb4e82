// Where things lie in shared memory: the same numbers as lib/memory/layout.ts, which says what each is for. A test
// compares both halves through kAll.
//
// Everything is 32-bit words. A structure begins with a line of constants, and each word that several threads change has
// a line of its own.
#pragma once

#include <cstdint>

namespace sluice::layout {

inline constexpr uint32_t kLineBytes = 128;
inline constexpr uint32_t kLineWords = kLineBytes / 4;

inline constexpr uint32_t kKind = 0;
inline constexpr uint32_t kCapacity = 1;
inline constexpr uint32_t kPayloadBytes = 2;
inline constexpr uint32_t kSlotStride = 3;

inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kSlotQueue = 0x51ceU << 16 | kVersion << 8 | 1;
inline constexpr uint32_t kByteRing = 0x51ceU << 16 | kVersion << 8 | 2;
inline constexpr uint32_t kStealDeque = 0x51ceU << 16 | kVersion << 8 | 3;

inline constexpr uint32_t kTail = kLineWords;
inline constexpr uint32_t kHead = 2 * kLineWords;

inline constexpr uint32_t kSlots = 3 * kLineWords;
inline constexpr uint32_t kSlotStamp = 0;
inline constexpr uint32_t kSlotOwner = 1;
inline constexpr uint32_t kSlotSpan = 2;
inline constexpr uint32_t kSlotLength = 3;
inline constexpr uint32_t kSlotPayload = 4;
inline constexpr uint32_t kAbandoned = ~0U;

inline constexpr uint32_t kRingUnitBytes = 8;
inline constexpr uint32_t kRingReleasing = kHead + 1;
inline constexpr uint32_t kRingLane = 3 * kLineWords;
inline constexpr uint32_t kRingRecords = 4 * kLineWords;
inline constexpr uint32_t kRecordHeaderBytes = 8;
inline constexpr uint32_t kRecordState = 3;
inline constexpr uint32_t kRecordClaimed = 1;
inline constexpr uint32_t kRecordCommitted = 2;
inline constexpr uint32_t kRecordPadding = 3;
inline constexpr uint32_t kLaneIdle = 0;
inline constexpr uint32_t kLaneRunnable = 1;

inline constexpr uint32_t kLaneRecordBytes = 12;
inline constexpr uint32_t kLaneFrame = 1;
inline constexpr uint32_t kLaneLongFrame = 2;
inline constexpr uint32_t kLaneConnected = 3;
inline constexpr uint32_t kLaneDisconnected = 4;
inline constexpr uint32_t kLanePeerEnded = 5;
inline constexpr uint32_t kAnswerWrite = 1;
inline constexpr uint32_t kAnswerEnd = 2;
inline constexpr uint32_t kAnswerDestroy = 3;
inline constexpr uint32_t kAnswerPeerEndSeen = 4;
inline constexpr uint32_t kAnswerPause = 5;
inline constexpr uint32_t kAnswerResume = 6;
inline constexpr uint32_t kAnswerDestroySoon = 7;
inline constexpr uint32_t kLaneStalled = 0;

inline constexpr uint32_t kNameWords = 8;
inline constexpr uint32_t kNameGeneration = 0;
inline constexpr uint32_t kNamePortAndFamily = 1;
inline constexpr uint32_t kNameAddress = 2;
inline constexpr uint32_t kNameScope = 6;
inline constexpr uint32_t kNameEnded = 7;
inline constexpr uint32_t kNameUnix = 0;
inline constexpr uint32_t kNameIpv4 = 1;
inline constexpr uint32_t kNameIpv6 = 2;

inline constexpr uint32_t kDequeTop = kLineWords;
inline constexpr uint32_t kDequeBottom = 2 * kLineWords;
inline constexpr uint32_t kDequeNumbers = 3 * kLineWords;

inline constexpr uint32_t kWaitParked = 0;
inline constexpr uint32_t kWaitSeats = 1;
inline constexpr uint32_t kWaitSeatCount = 31;
inline constexpr uint32_t kWaitSetBytes = kLineBytes;
inline constexpr uint32_t kWaitStanding = 1U << 31;

inline constexpr uint32_t kWakerSlotBits = 10;

struct Constant {
  const char* name;  // in layout.ts
  uint32_t value;
};

inline constexpr Constant kAll[] = {
    {"LINE_BYTES", kLineBytes},
    {"LINE_WORDS", kLineWords},
    {"KIND", kKind},
    {"CAPACITY", kCapacity},
    {"PAYLOAD_BYTES", kPayloadBytes},
    {"SLOT_STRIDE", kSlotStride},
    {"SLOT_QUEUE", kSlotQueue},
    {"BYTE_RING", kByteRing},
    {"STEAL_DEQUE", kStealDeque},
    {"TAIL", kTail},
    {"HEAD", kHead},
    {"SLOTS", kSlots},
    {"SLOT_STAMP", kSlotStamp},
    {"SLOT_OWNER", kSlotOwner},
    {"SLOT_SPAN", kSlotSpan},
    {"SLOT_LENGTH", kSlotLength},
    {"SLOT_PAYLOAD", kSlotPayload},
    {"ABANDONED", kAbandoned},
    {"RING_UNIT_BYTES", kRingUnitBytes},
    {"RING_RELEASING", kRingReleasing},
    {"RING_LANE", kRingLane},
    {"RING_RECORDS", kRingRecords},
    {"RECORD_HEADER_BYTES", kRecordHeaderBytes},
    {"RECORD_STATE", kRecordState},
    {"RECORD_CLAIMED", kRecordClaimed},
    {"RECORD_COMMITTED", kRecordCommitted},
    {"RECORD_PADDING", kRecordPadding},
    {"LANE_IDLE", kLaneIdle},
    {"LANE_RUNNABLE", kLaneRunnable},
    {"LANE_RECORD_BYTES", kLaneRecordBytes},
    {"LANE_FRAME", kLaneFrame},
    {"LANE_LONG_FRAME", kLaneLongFrame},
    {"LANE_CONNECTED", kLaneConnected},
    {"LANE_DISCONNECTED", kLaneDisconnected},
    {"LANE_PEER_ENDED", kLanePeerEnded},
    {"ANSWER_WRITE", kAnswerWrite},
    {"ANSWER_END", kAnswerEnd},
    {"ANSWER_DESTROY", kAnswerDestroy},
    {"ANSWER_PEER_END_SEEN", kAnswerPeerEndSeen},
    {"ANSWER_PAUSE", kAnswerPause},
    {"ANSWER_RESUME", kAnswerResume},
    {"ANSWER_DESTROY_SOON", kAnswerDestroySoon},
    {"LANE_STALLED", kLaneStalled},
    {"NAME_WORDS", kNameWords},
    {"NAME_GENERATION", kNameGeneration},
    {"NAME_PORT_AND_FAMILY", kNamePortAndFamily},
    {"NAME_ADDRESS", kNameAddress},
    {"NAME_SCOPE", kNameScope},
    {"NAME_ENDED", kNameEnded},
    {"NAME_UNIX", kNameUnix},
    {"NAME_IPV4", kNameIpv4},
    {"NAME_IPV6", kNameIpv6},
    {"DEQUE_TOP", kDequeTop},
    {"DEQUE_BOTTOM", kDequeBottom},
    {"DEQUE_NUMBERS", kDequeNumbers},
    {"WAIT_PARKED", kWaitParked},
    {"WAIT_SEATS", kWaitSeats},
    {"WAIT_SEAT_COUNT", kWaitSeatCount},
    {"WAIT_SET_BYTES", kWaitSetBytes},
    {"WAIT_STANDING", kWaitStanding},
    {"WAKER_SLOT_BITS", kWakerSlotBits},
};

}  // namespace sluice::layout
