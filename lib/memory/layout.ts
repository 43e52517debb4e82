/**
 * Where things lie in shared memory, as native/core/queue/layout.h has it; a test compares both halves.
 *
 * Everything is 32-bit words. A structure begins with a line of constants that say what it is, and each word that several
 * threads change has a line of its own: 128 bytes, since the prefetcher of x86 processors fetches lines of 64 in pairs
 * and some arm64 ones have lines of 128.
 */
export const LINE_BYTES = 128;
export const LINE_WORDS = LINE_BYTES / 4;

/** The words of a structure's first line, written once, before any other thread knows of it. */
export const KIND = 0;
export const CAPACITY = 1;
/** Slot queue: bytes that a slot can hold. */
export const PAYLOAD_BYTES = 2;
/** Slot queue: words from one slot to the next. */
export const SLOT_STRIDE = 3;

/** Values of KIND: a mark of ours, the version of the layout, the structure. */
const VERSION = 1;
const mark = (structure: number): number => (0x51ce << 16) | (VERSION << 8) | structure;
export const SLOT_QUEUE = mark(1);
export const BYTE_RING = mark(2);
export const STEAL_DEQUE = mark(3);

/** Slot queue and byte ring: where producers are, on a line of its own, and where consumers are. */
export const TAIL = LINE_WORDS;
export const HEAD = 2 * LINE_WORDS;

/** Slot queue. */
export const SLOTS = 3 * LINE_WORDS;
/** Words of a slot. */
export const SLOT_STAMP = 0;
/** Who has claimed this slot, and as many after it as SLOT_SPAN says; 0 when nobody has. */
export const SLOT_OWNER = 1;
export const SLOT_SPAN = 2;
/** Bytes of payload in use, or ABANDONED. */
export const SLOT_LENGTH = 3;
export const SLOT_PAYLOAD = 4;
/** SLOT_LENGTH of a slot whose producer died before it was done. */
export const ABANDONED = -1;

/** Byte ring. Positions count units of 8 bytes. */
export const RING_UNIT_BYTES = 8;
/** Where `head` will be once the release that is under way is done; the consumer's own. */
export const RING_RELEASING = HEAD + 1;
/** Who runs the lane that this ring is, when it is one. */
export const RING_LANE = 3 * LINE_WORDS;
export const RING_RECORDS = 4 * LINE_WORDS;
/** Words of a record: `bytes << 2 | state`, and the id of the thread that claimed it. */
export const RECORD_HEADER_BYTES = 8;
export const RECORD_STATE = 3;
/** States of a record; nothing lies there while the word is 0. */
export const RECORD_CLAIMED = 1;
export const RECORD_COMMITTED = 2;
/** To be skipped: fills the ring up to its end, or was given up. */
export const RECORD_PADDING = 3;

/** Values of RING_LANE: nothing to run, to be run by whoever comes first; any other is the id of the thread that runs it. */
export const LANE_IDLE = 0;
export const LANE_RUNNABLE = 1;

/** A record in a lane: kind, the connection's name (two words: index and generation), bytes. */
export const LANE_RECORD_BYTES = 12;
export const LANE_FRAME = 1;
/** A long frame: two words say where it lies in the side memory, and how long it is. It may be used again once the record is released. */
export const LANE_LONG_FRAME = 2;
export const LANE_CONNECTED = 3;
/** Two words say why: the number of the reason, and errno. */
export const LANE_DISCONNECTED = 4;
/** The peer has ended; all its frames in this lane came before. The worker answers with ANSWER_PEER_END_SEEN. */
export const LANE_PEER_ENDED = 5;
/** A record that comes back, with the same words: bytes to send, an end, a destruction. */
export const ANSWER_WRITE = 1;
export const ANSWER_END = 2;
export const ANSWER_DESTROY = 3;
/** A word says which lane has come as far as the peer's end. */
export const ANSWER_PEER_END_SEEN = 4;
export const ANSWER_PAUSE = 5;
export const ANSWER_RESUME = 6;
export const ANSWER_DESTROY_SOON = 7;
/** The word of a lane's counters in which a reactor says that it waits for room: whoever releases wakes the reactors. */
export const LANE_STALLED = 0;

/** A connection by its name: generation (0: none), `port << 2 | family`, 16 bytes of address, the interface of a link-local one. */
export const NAME_WORDS = 8;
export const NAME_GENERATION = 0;
export const NAME_PORT_AND_FAMILY = 1;
export const NAME_ADDRESS = 2;
export const NAME_SCOPE = 6;
/** The generation of the connection that a handler has ended; workers alone write it. */
export const NAME_ENDED = 7;
export const NAME_UNIX = 0;
export const NAME_IPV4 = 1;
export const NAME_IPV6 = 2;

/** Steal deque: the thieves' end, the owner's end, the numbers. */
export const DEQUE_TOP = LINE_WORDS;
export const DEQUE_BOTTOM = 2 * LINE_WORDS;
export const DEQUE_NUMBERS = 3 * LINE_WORDS;

/** Wait set, one line: a bit for each seat whose thread must be woken, and the seats: waker ids, 0 when free. */
export const WAIT_PARKED = 0;
export const WAIT_SEATS = 1;
export const WAIT_SEAT_COUNT = 31;
export const WAIT_SET_BYTES = LINE_BYTES;
/** The bit in WAIT_PARKED of all threads that found no seat. */
export const WAIT_STANDING = 1 << 31;

/** Waker ids: `generation << WAKER_SLOT_BITS | slot`; the generation is never 0, so neither is an id, nor is it 1. */
export const WAKER_SLOT_BITS = 10;
