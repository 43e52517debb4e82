/**
 * This thread's half of appending: claims in the ring, and their answers.
 *
 * A claim is copied into the ring at the call. Its answer comes in the order of the claims, in memory of this thread's own, which
 * also says how many there are: that one number is what the thread looks at when it is woken, however many appends wait. What
 * finds no room in the ring waits here, encoded, and later appends wait behind it.
 *
 * The log's thread is woken once a turn of the program: a loop that appends a thousand records has them written together.
 */
import { Buffer } from 'node:buffer';
import { copyBytes } from '../memory/copy-bytes.js';
import { allocateShared } from '../memory/memory.js';
import { Waker, WakeSource } from '../memory/waker.js';
import type { NativeLog } from '../platform/logs.js';
import type { CancellationSource } from '../waiting/cancellation.js';
import { LogClosedError, LogFailedError, systemError } from './log-error.js';
import {
  ANSWER_CLOSED,
  ANSWER_FAILED,
  ANSWERS,
  ANSWERS_DONE,
  CLAIM_APPEND,
  CLAIM_STASHED,
  CLAIM_TRIM,
  LOG_FAILED,
  LOG_OPEN,
  type LogMemory,
} from './log-memory.js';
import { type PreparedRecord, type RecordTarget, recordBytes, writeRecord } from './record.js';

/** Claims of this thread that have no answer yet, at most. */
const MAX_IN_FLIGHT = 16_384;
/** Kind and producer. */
const CLAIM_BYTES = 8;
const COUNT_BYTES = 4;
/** Longer ones go through memory of their own: so that the ring holds several. */
const MAX_CLAIM_BYTES = 512 * 1024;

/** Waits for the answer of a claim. */
interface Pending {
  /** `value` as the log's thread gave it, not below 0. */
  resolve(value: number): void;
  reject(error: unknown): void;
}

/** What found no room in the ring. */
interface Queued {
  readonly kind: number;
  readonly body: Uint8Array;
  readonly pending: Pending;
  readonly source: CancellationSource | undefined;
}

/** Somebody who is told that `end` has moved. */
export interface EndWatcher {
  /** Whether it keeps the process alive. */
  readonly isHeld: boolean;
  /** Looks; true when it need not be told again. Must not throw. */
  look(): boolean;
}

export class Appender extends WakeSource {
  override readonly patient = true;
  override held = false;
  readonly #memory: LogMemory;
  readonly #native: NativeLog;
  readonly #directory: string;
  readonly #ring: RecordTarget;
  readonly #answers: Int32Array;
  readonly #values: Float64Array;
  readonly #producer: number;
  readonly #waker = Waker.get();
  /** In the order of the claims; those before `#first` have their answer. */
  #pending: Pending[] = [];
  #first = 0;
  #done = 0;
  #queued: Queued[] = [];
  readonly #watchers = new Set<EndWatcher>();
  #wakeIsDue = false;
  #isOver = false;
  readonly #wakeLog = (): void => {
    this.#wakeIsDue = false;
    this.#memory.sleeping.wakeAll();
  };

  constructor(memory: LogMemory, native: NativeLog, directory: string) {
    super();
    this.#memory = memory;
    this.#native = native;
    this.#directory = directory;
    const { words, bytes } = memory.ring;
    this.#ring = { words, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    const answers = allocateShared(4 * ANSWERS + 8 * MAX_IN_FLIGHT);
    this.#answers = new Int32Array(answers.buffer, answers.byteOffset, answers.byteLength / 4);
    this.#values = new Float64Array(answers.buffer, answers.byteOffset + 4 * ANSWERS, MAX_IN_FLIGHT);
    this.#producer = native.addProducer(this.#answers, MAX_IN_FLIGHT);
  }

  /** Claims that have no answer yet, and those that wait for room. */
  get inFlight(): number {
    return this.#pending.length - this.#first + this.#queued.length;
  }

  /** The records of one append: they become durable together. */
  append(records: readonly PreparedRecord[], source: CancellationSource | undefined): Promise<number> {
    const promise = new Promise<number>(capture);
    this.#claimRecords(records, { resolve: newResolve, reject: newReject }, source);
    return promise;
  }

  /** Something other than an append: the answer comes behind those of all appends before it. */
  command(kind: number, argument = 0): Promise<number> {
    const body = new Uint8Array(kind === CLAIM_TRIM ? 8 : 0);
    if (kind === CLAIM_TRIM) new DataView(body.buffer).setBigUint64(0, BigInt(argument), true);
    return new Promise<number>((resolve, reject) => {
      const refusal = this.#refusal(false);
      if (refusal !== undefined) reject(refusal);
      else this.#claimOrQueue(kind, body, { resolve, reject }, undefined);
    });
  }

  /** Tells `watcher` whenever something became readable. */
  watch(watcher: EndWatcher): void {
    if (this.#isOver) return;
    this.#watchers.add(watcher);
    this.#arm();
  }

  unwatch(watcher: EndWatcher): void {
    if (this.#watchers.delete(watcher)) this.#settleDown();
  }

  /** Why nothing can be asked of the log any more. */
  #refusal(heedFailure = true): unknown {
    if (this.#isOver) return new LogClosedError();
    const { state } = this.#memory;
    if (state === LOG_OPEN || (state === LOG_FAILED && !heedFailure)) return undefined;
    return state === LOG_FAILED ? new LogFailedError(this.#memory.error) : new LogClosedError();
  }

  #claimRecords(
    records: readonly PreparedRecord[],
    pending: Pending,
    source: CancellationSource | undefined,
  ): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      pending.reject(refusal);
      return;
    }
    let length = COUNT_BYTES;
    for (const record of records) length += recordBytes(record);
    if (this.#mayClaim && CLAIM_BYTES + length <= MAX_CLAIM_BYTES) {
      const offset = this.#memory.ring.claim(CLAIM_BYTES + length);
      if (offset >= 0) {
        writeBody(this.#ring, offset + CLAIM_BYTES, records);
        this.#commit(CLAIM_APPEND, offset, pending);
        return;
      }
    }
    const words = new Int32Array(length / 4);
    writeBody({ words, bytes: Buffer.from(words.buffer) }, 0, records);
    this.#claimOrQueue(CLAIM_APPEND, new Uint8Array(words.buffer), pending, source);
  }

  #claimOrQueue(
    kind: number,
    body: Uint8Array,
    pending: Pending,
    source: CancellationSource | undefined,
  ): void {
    if (this.#mayClaim && this.#tryClaim(kind, body, pending)) return;
    this.#queued.push({ kind, body, pending, source });
    this.#wake();
    this.#arm();
  }

  get #mayClaim(): boolean {
    return this.#queued.length === 0 && this.#hasSeat;
  }

  get #hasSeat(): boolean {
    return this.#pending.length - this.#first < MAX_IN_FLIGHT;
  }

  /** False: the ring has no room now. */
  #tryClaim(kind: number, body: Uint8Array, pending: Pending): boolean {
    const isLong = CLAIM_BYTES + body.length > MAX_CLAIM_BYTES;
    const offset = this.#memory.ring.claim(CLAIM_BYTES + (isLong ? 4 : body.length));
    if (offset < 0) return false;
    if (isLong) this.#ring.words[(offset + CLAIM_BYTES) >> 2] = this.#native.stash(body);
    else copyBytes(body, 0, body.length, this.#ring.bytes, offset + CLAIM_BYTES);
    this.#commit(isLong ? CLAIM_STASHED : kind, offset, pending);
    return true;
  }

  #commit(kind: number, offset: number, pending: Pending): void {
    const word = offset >> 2;
    this.#ring.words[word] = kind;
    this.#ring.words[word + 1] = this.#producer;
    this.#memory.ring.commit(offset);
    this.#pending.push(pending);
    this.#wake();
    this.#arm();
  }

  /** At the end of this turn of the program. */
  #wake(): void {
    if (this.#wakeIsDue) return;
    this.#wakeIsDue = true;
    settled.then(this.#wakeLog);
  }

  /** Somebody waits: this thread is to be woken. */
  #arm(): void {
    if (!this.held && this.#mustHold) this.#waker.hold(this, true);
    if (this.index === -1 && !this.#isPolling) this.#waker.add(this);
  }

  get #mustHold(): boolean {
    if (this.inFlight > 0) return true;
    for (const watcher of this.#watchers) if (watcher.isHeld) return true;
    return false;
  }

  /** Fewer wait than before. */
  #settleDown(): void {
    if (this.#isPolling) return;
    if (this.inFlight === 0 && this.#watchers.size === 0) this.#waker.remove(this);
    else this.#waker.hold(this, this.#mustHold);
  }

  /** A watcher keeps the process alive, or does not any more. */
  holdsChanged(): void {
    if (this.index !== -1) this.#waker.hold(this, this.#mustHold);
  }

  #isPolling = false;

  override poll(): boolean {
    this.#isPolling = true;
    this.#takeAnswers();
    this.#flush();
    for (const watcher of this.#watchers) if (watcher.look()) this.#watchers.delete(watcher);
    this.#isPolling = false;
    const isIdle = this.inFlight === 0 && this.#watchers.size === 0;
    if (!isIdle) this.#waker.hold(this, this.#mustHold);
    return isIdle;
  }

  #takeAnswers(): void {
    const done = Atomics.load(this.#answers, ANSWERS_DONE);
    while (this.#done !== done) {
      const value = this.#values[(this.#done >>> 0) % MAX_IN_FLIGHT]!;
      this.#done = (this.#done + 1) | 0;
      const pending = this.#pending[this.#first]!;
      this.#pending[this.#first++] = nobody;
      if (value >= 0) pending.resolve(value);
      else pending.reject(this.#errorOf(value));
    }
    if (this.#first === this.#pending.length) {
      this.#pending = this.#pending.length > 1024 ? [] : this.#pending;
      this.#pending.length = 0;
      this.#first = 0;
    } else if (this.#first > 4096 && this.#first * 2 > this.#pending.length) {
      this.#pending = this.#pending.slice(this.#first);
      this.#first = 0;
    }
  }

  #errorOf(value: number): Error {
    if (value === ANSWER_FAILED) return new LogFailedError(this.#memory.error);
    if (value === ANSWER_CLOSED) return new LogClosedError();
    return systemError(-value, 'append', this.#directory);
  }

  /** Moves what waits into the ring, as far as there is room. */
  #flush(): void {
    if (this.#queued.length === 0) return;
    const refusal = this.#refusal();
    let moved = 0;
    for (const { kind, body, pending, source } of this.#queued) {
      if (refusal !== undefined && kind === CLAIM_APPEND) pending.reject(refusal);
      else if (source?.canceled) pending.reject(source.reason);
      else if (!this.#hasSeat || !this.#tryClaim(kind, body, pending)) break;
      moved++;
    }
    if (moved > 0) this.#queued.splice(0, moved);
  }

  override park(): void {
    this.#memory.waiting.park();
  }

  override unpark(): void {
    this.#memory.waiting.unpark();
  }

  /** Nothing is asked any more; whoever still waits hears that the log is closed. */
  end(): void {
    if (this.#isOver) return;
    this.poll();
    this.#isOver = true;
    const left = [...this.#pending.slice(this.#first), ...this.#queued.map(({ pending }) => pending)];
    this.#pending = [];
    this.#first = 0;
    this.#queued = [];
    for (const pending of left) pending.reject(new LogClosedError());
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    this.#waker.remove(this);
    this.#memory.waiting.leave();
    for (const watcher of watchers) watcher.look();
  }

  /** Whether {@link Appender.end} was called, or the log has ended by itself. */
  get isOver(): boolean {
    return this.#isOver || (this.#memory.state !== LOG_OPEN && this.#memory.state !== LOG_FAILED);
  }
}

// The functions of the promise made last: an executor of its own would be one more closure for each append.
let newResolve: (value: number) => void;
let newReject: (reason: unknown) => void;
function capture(resolve: (value: number) => void, reject: (reason: unknown) => void): void {
  newResolve = resolve;
  newReject = reject;
}

const settled = Promise.resolve();
const nobody: Pending = { resolve: () => {}, reject: () => {} };

function writeBody(target: RecordTarget, at: number, records: readonly PreparedRecord[]): void {
  target.words[at >> 2] = records.length;
  let position = at + COUNT_BYTES;
  for (const record of records) position = writeRecord(target, position, record);
}
