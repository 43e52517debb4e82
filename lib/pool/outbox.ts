/**
 * What a worker has to say to the owners of the tasks that it ran.
 *
 * Records go into the owner's inbox at once, and the owner is woken when the worker has nothing else to do, after some records, or
 * at the end of its slice: an owner that is woken for each task would cost more than the tasks.
 *
 * Ends of tasks and items of streams that find no room wait here, and the worker begins nothing until they have gone: so they are bounded.
 * Progress is not, since a handler may report it in a loop: of each task only the latest value waits.
 */
import { CodecError } from '../memory/codec/codec-error.js';
import { Encoded } from '../memory/codec/encoded.js';
import { writeValue } from './arguments.js';
import type { FromWorker, ToWorker } from './messages.js';
import { type PoolMemory, PROGRESS_BY_PORT, PROGRESS_SKIPPED, type ThreadMemory } from './pool-memory.js';
import { BY_PORT, fitsInbox, PROGRESS, sendRecord, THREW, wakeInbox } from './record.js';
import { describeThrown, type Thrown } from './thrown.js';
import { Transferred } from './transfer.js';
import { encodedPayload, type Payload, portPayload, type ValuePort } from './value-port.js';

/** Records to one owner before it is woken. */
const WAKE_AFTER = 32;
/** Values of one task's progress that may be under way by message port. */
const MAX_PROGRESS_BY_PORT = 4;

interface Unsent {
  owner: ThreadMemory;
  kind: number;
  slot: number;
  generation: number;
  payload: Encoded | undefined;
}

/** A value of a task's progress that waits for room. */
interface PutOff {
  generation: number;
  /** What goes into the inbox, or by port. */
  payload: Encoded | Payload;
}

export class Outbox {
  readonly #memory: PoolMemory;
  readonly #port: ValuePort<ToWorker, FromWorker>;
  readonly #scratch = new Encoded();
  /** Owners that have records they may not know of. */
  readonly #told: ThreadMemory[] = [];
  #count = 0;
  /** What found no room, in order. */
  #unsent: Unsent[] = [];
  #later: (() => boolean)[] = [];
  /** By slot. */
  readonly #putOff = new Map<number, PutOff>();
  readonly #counters: Int32Array;

  constructor(memory: PoolMemory, worker: number, port: ValuePort<ToWorker, FromWorker>) {
    this.#memory = memory;
    this.#counters = memory.workers[worker]!.counters;
    this.#port = port;
  }

  /** Records wait for room: the worker must not make more. */
  get isBlocked(): boolean {
    return this.#unsent.length > 0 || this.#later.length > 0 || this.#putOff.size > 0;
  }

  /** Something else that waits for room: `retry` answers whether it has found it. */
  later(retry: () => boolean): void {
    this.#later.push(retry);
  }

  /** The end of a task, with the value that it returned. One that can't be cloned is told as an error of the task. */
  value(slot: number, generation: number, kind: number, value: unknown): void {
    try {
      this.send(slot, generation, kind, value);
    } catch (error) {
      this.thrown(slot, generation, THREW, describeThrown(error));
    }
  }

  /**
   * `kind` with a value.
   *
   * @throws CodecError for a value that can't be cloned, or whatever a getter of it throws; then nothing was sent
   */
  send(slot: number, generation: number, kind: number, value: unknown): void {
    if (this.#putOff.size > 0) this.#sendPutOff(slot);
    if (value === undefined) {
      this.#send(kind, slot, generation, undefined);
      return;
    }
    if (value instanceof Transferred) {
      this.#post(kind, slot, generation, portPayload(value.value, value.list));
      return;
    }
    const scratch = this.#scratch;
    try {
      writeValue(scratch, value);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      // Structured clone carries more by port (shared memory, keys, blobs).
      this.#post(kind, slot, generation, portPayload(value));
      return;
    }
    if (fitsInbox(this.#memory, this.#memory.ownerOf(slot), scratch.length))
      this.#send(kind, slot, generation, scratch);
    else this.#post(kind, slot, generation, encodedPayload(scratch));
  }

  /** `kind` with what was thrown, as it was described. */
  thrown(slot: number, generation: number, kind: number, thrown: Thrown): void {
    if (this.#putOff.size > 0) this.#sendPutOff(slot);
    try {
      writeValue(this.#scratch, thrown);
    } catch {
      this.#post(kind, slot, generation, portPayload(thrown)); // has parts that only a port carries
      return;
    }
    if (fitsInbox(this.#memory, this.#memory.ownerOf(slot), this.#scratch.length))
      this.#send(kind, slot, generation, this.#scratch);
    else this.#post(kind, slot, generation, encodedPayload(this.#scratch));
  }

  /**
   * A value of a task's progress. False: it waits for room, and gives way to the next one.
   *
   * @throws CodecError for a value that can't be cloned, or whatever a getter of it throws
   */
  progress(slot: number, generation: number, value: unknown): boolean {
    if (!this.#memory.isOpen(this.#memory.ownerOf(slot))) return true; // died, and whoever awaits the task with it
    const progress = this.#encodeProgress(slot, generation, value);
    if (this.#putOff.delete(slot)) this.#counters[PROGRESS_SKIPPED]!++;
    if (this.#trySend(slot, progress)) {
      this.flush();
      return true;
    }
    if (progress.payload instanceof Encoded) progress.payload = progress.payload.copy();
    this.#putOff.set(slot, progress);
    wakeInbox(this.#memory.thread(this.#memory.ownerOf(slot)));
    return false;
  }

  /** The payload, if any, lies in the scratch memory. The value is as it is now. */
  #encodeProgress(slot: number, generation: number, value: unknown): PutOff {
    const isTransferred = value instanceof Transferred;
    if (!isTransferred) {
      try {
        writeValue(this.#scratch, value);
        if (fitsInbox(this.#memory, this.#memory.ownerOf(slot), this.#scratch.length))
          return { generation, payload: this.#scratch };
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
      }
    }
    const given = isTransferred ? { value: value.value, list: value.list } : { value, list: [] };
    try {
      const moved = structuredClone(given, { transfer: [...given.list] as never[] });
      return { generation, payload: portPayload(moved.value, moved.list) };
    } catch (error) {
      throw new CodecError('structured', error);
    }
  }

  /** False: there is no room. */
  #trySend(slot: number, { generation, payload }: PutOff): boolean {
    const thread = this.#memory.ownerOf(slot);
    if (!this.#memory.isOpen(thread)) return true;
    if (this.#unsent.length > 0) return false;
    if (payload instanceof Encoded) {
      const owner = this.#memory.thread(thread);
      if (!sendRecord(owner, PROGRESS, slot, generation, payload)) return false;
      if (!this.#told.includes(owner)) this.#told.push(owner);
      return true;
    }
    const { words } = this.#memory;
    const underWay = this.#memory.slotAt(slot) + PROGRESS_BY_PORT;
    if (Atomics.load(words, underWay) >= MAX_PROGRESS_BY_PORT) return false;
    Atomics.add(words, underWay, 1);
    this.#post(PROGRESS, slot, generation, payload);
    return true;
  }

  /** What waits of a task's progress goes before whatever else the task has to say. */
  #sendPutOff(slot: number): void {
    const progress = this.#putOff.get(slot);
    if (progress === undefined) return;
    this.#putOff.delete(slot);
    const { generation, payload } = progress;
    if (this.#trySend(slot, progress)) return;
    if (payload instanceof Encoded) {
      this.#send(PROGRESS, slot, generation, payload);
      return;
    }
    Atomics.add(this.#memory.words, this.#memory.slotAt(slot) + PROGRESS_BY_PORT, 1);
    this.#post(PROGRESS, slot, generation, payload);
  }

  /** By port, with a record that says where among the others the value belongs, and wakes the owner. */
  #post(kind: number, slot: number, generation: number, payload: Payload): void {
    this.#port.send({ type: 'value', slot, generation, kind }, payload);
    this.#send(BY_PORT, slot, generation, undefined);
  }

  #send(kind: number, slot: number, generation: number, payload: Encoded | undefined): void {
    const thread = this.#memory.ownerOf(slot);
    if (!this.#memory.isOpen(thread)) return; // died, and whoever awaits the task with it
    const owner = this.#memory.thread(thread);
    if (this.#unsent.length > 0 || !sendRecord(owner, kind, slot, generation, payload)) {
      this.#unsent.push({ owner, kind, slot, generation, payload: payload?.copy() });
      wakeInbox(owner);
      return;
    }
    if (!this.#told.includes(owner)) this.#told.push(owner);
    if (++this.#count >= WAKE_AFTER) this.flush();
  }

  /** Tries what found no room once more. False: some is left. */
  retry(): boolean {
    let sent = 0;
    for (const { owner, kind, slot, generation, payload } of this.#unsent) {
      if (!this.#memory.isOpen(this.#memory.ownerOf(slot))) {
        sent++;
        continue;
      }
      if (!sendRecord(owner, kind, slot, generation, payload)) {
        wakeInbox(owner);
        break;
      }
      if (!this.#told.includes(owner)) this.#told.push(owner);
      sent++;
    }
    this.#unsent.splice(0, sent);
    this.#later = this.#later.filter((retry) => !retry());
    for (const [slot, progress] of this.#putOff) if (this.#trySend(slot, progress)) this.#putOff.delete(slot);
    return !this.isBlocked;
  }

  /** Wakes the owners that were written to. */
  flush(): void {
    this.#count = 0;
    // Emptied so: to set `length` is a call into V8's runtime.
    for (let owner = this.#told.pop(); owner !== undefined; owner = this.#told.pop()) wakeInbox(owner);
  }
}
