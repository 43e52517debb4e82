/**
 * How bytes pass between a reactor and its JavaScript thread: frames come in batches, output goes back gathered. The turn table
 * (lib/net/turn-table.ts) says what each turn brought.
 */

/** The frames and the output of one reactor. Endpoints are named by number, connections by slot. */
export interface Frames {
  /** Whether the endpoint's consumer takes batches. */
  setReading(endpoint: number, reading: boolean): void;
  /** The endpoint's oldest batch is done with: sends the gathered output and lets another be read. */
  release(endpoint: number): void;
  /** Where output is gathered: bytes, and pieces of three words (slot, start, end). */
  setOutput(bytes: Uint8Array, pieces: Int32Array): void;
  /** Where the reactor keeps, for each slot, how many bytes of output it still queues. */
  setOutputGauge(gauge: Uint32Array): void;
  /** Sends the gathered output now. */
  flush(): void;
  /** Sends the gathered output, then `bytes` from where they lie; what the socket does not take is copied. */
  write(slot: number, bytes: Uint8Array): void;
  /** Asks for a drained event; false when nothing is queued. */
  watchDrain(slot: number): boolean;
}

/** Memory to read into, lent to a reactor that fills it while JavaScript runs. */
export interface LentFrames {
  /**
   * Lends memory to read into, named by a number above 0. The turn that brings batches in it (`ARENA` of the turn table)
   * brings it back, and setting `ARENA_USABLE` in that turn lends it again.
   */
  lendArena(number: number, bytes: Uint8Array, frames: Int32Array): void;
}
