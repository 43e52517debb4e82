/**
 * The words that a turn passes through, as native/addon/turn_table.h has them; a test compares both halves.
 *
 * A turn is one call from the driver with everything that happened on all sockets of the thread, and one way back for
 * everything that the program answered.
 */
export const BATCH_COUNT = 0;
export const EVENT_COUNT = 1;
/** Set by us when the arena may be filled again; cleared by the driver with each turn that has frames. */
export const ARENA_USABLE = 2;
/** How many pieces of output are gathered; the driver resets it when it has sent them. */
export const PIECE_COUNT = 3;
/** 1 while the driver waits for us to return and sends the gathered output then. */
export const IN_TURN = 4;
export const ARENA_WAS_FULL = 5;
/** Our number for the output that is gathered. */
export const OUTPUT_EPOCH = 6;
/** The number of the arena that the batches lie in, of those that were lent; 0: none. */
export const ARENA = 7;
/** An arena of that many bytes is missing; 0: none is. */
export const WANTED_BYTES = 8;

export const BATCHES = 16;
export const BATCH_WORDS = 4;
export const MAX_BATCHES = 64;
export const EVENTS = BATCHES + BATCH_WORDS * MAX_BATCHES;
export const EVENT_WORDS = 4;
export const MAX_EVENTS = 512;
export const TURN_TABLE_WORDS = EVENTS + EVENT_WORDS * MAX_EVENTS;

/** Words of a batch. */
export const BATCH_ENDPOINT = 0;
export const BATCH_FIRST_FRAME = 1;
export const BATCH_FRAME_COUNT = 2;
export const BATCH_RELEASED = 3;

/** Words of an event: `kind | reason << 8`, endpoint, slot, errno; of a connected event the generation in place of the last. */
export const EVENT_CONNECTED = 1;
export const EVENT_CONNECT_FAILED = 2;
export const EVENT_DISCONNECTED = 3;
export const EVENT_DRAINED = 4;
/** After the last disconnect event of an endpoint that was closed. */
export const EVENT_ENDPOINT_CLOSED = 5;
/** Of a watched descriptor, whose number is in the slot's place; of no endpoint. */
export const EVENT_DESCRIPTOR_READY = 6;

/** Accepted, and ended before it counted as connected. */
export const EVENT_REFUSED = 7;

/** Words of a frame: connection slot, start, end. */
export const FRAME_WORDS = 3;
