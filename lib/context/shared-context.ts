/**
 * A context in other threads: one word in shared memory says that it is done, and a wait set wakes the threads that have it
 * open. No message is sent, so a cancel also reaches code that looks at the word and never returns to its event loop.
 *
 * It goes down only, as in the tree of contexts: what is opened is a child in the other thread. Canceling that one ends its
 * own children and nothing here. Order: cause, then word, then wait set, here; park, then word, then cause, there.
 */
import { SluiceError } from '../errors.js';
import { REASON_BYTES, readReason, writeReason } from '../memory/codec/reason.js';
import { checkHandle, makeHandle, type SharedHandle } from '../memory/handle.js';
import { LINE_BYTES, LINE_WORDS } from '../memory/layout.js';
import { allocateShared, openWords, type SharedRegion, subregion } from '../memory/memory.js';
import { WaitSet } from '../memory/wait-set.js';
import { threadId, Waker, WakeSource } from '../memory/waker.js';
import { wakes } from '../platform/driver.js';
import { type Cancellable, CancellationSource } from '../waiting/cancellation.js';
import { CanceledError, type ContextError, DeadlineExceededError } from '../waiting/context-error.js';

const KIND = (0x51ce << 16) | (1 << 8) | 17;
const MAKER = 1;
/** The deadline, in milliseconds since 1970, NaN without one: as a double at this byte. */
const DEADLINE_BYTE = 8;
const STATE = LINE_WORDS;
const WAITERS = 2 * LINE_BYTES;
const REASON = 3 * LINE_WORDS;
const BYTES = 3 * LINE_BYTES + REASON_BYTES;
/** Behind all else, if the deadline has a cause: each thread has a timer of its own, so the cause travels before it is needed. */
const DEADLINE_REASON = BYTES / 4;

// Values of STATE.
const OPEN = 0;
const CANCELED = 1;
const TIMED_OUT = 2;

/**
 * What {@link Context.handle} is. Native code that blocks may look at the 32-bit word 128 bytes after the beginning of
 * `region`: it is not 0 once the context is done.
 */
export type ContextHandle = SharedHandle<'context'>;

/** In the list of the source whose end it tells. */
class Publisher implements Cancellable {
  source: CancellationSource | undefined = undefined;
  previousInSource: Cancellable | undefined = undefined;
  nextInSource: Cancellable | undefined = undefined;
  readonly isWait = false;
  readonly region: SharedRegion;
  readonly #words: Int32Array;
  readonly #waiters: WaitSet;

  constructor(source: CancellationSource) {
    const hasCause = source.deadlineCause !== undefined;
    this.region = allocateShared(BYTES + (hasCause ? REASON_BYTES : 0));
    this.#words = new Int32Array(this.region.buffer, this.region.byteOffset, this.region.byteLength / 4);
    this.#waiters = new WaitSet(subregion(this.region, WAITERS, LINE_BYTES));
    if (hasCause) writeReason(this.#words, DEADLINE_REASON, source.deadlineCause);
    this.#words[MAKER] = threadId();
    new Float64Array(this.region.buffer, this.region.byteOffset + DEADLINE_BYTE, 1)[0] = source.deadline;
    Atomics.store(this.#words, 0, KIND);
    if (source.canceled) this.canceledBy(source);
    else source.add(this);
  }

  canceledBy({ err, cause }: CancellationSource): void {
    writeReason(this.#words, REASON, cause === err ? undefined : cause);
    Atomics.store(this.#words, STATE, err instanceof DeadlineExceededError ? TIMED_OUT : CANCELED);
    this.#waiters.wakeAll();
  }
}

const publishers = new WeakMap<CancellationSource, Publisher>();

/** @internal */
export function contextHandle(source: CancellationSource): ContextHandle {
  let publisher = publishers.get(source);
  if (publisher === undefined) {
    publisher = new Publisher(source);
    publishers.set(source, publisher);
  }
  return makeHandle('context', publisher.region);
}

class RemoteLine extends WakeSource {
  override held = false;
  readonly #remote: RemoteSource;
  readonly #waiters: WaitSet;

  constructor(remote: RemoteSource, waiters: WaitSet) {
    super();
    this.#remote = remote;
    this.#waiters = waiters;
  }

  poll(): boolean {
    return this.#remote.look();
  }

  park(): void {
    this.#waiters.park();
  }

  unpark(): void {
    this.#waiters.leave(); // all are woken together: there is nothing to pass on
  }
}

/** The source of another thread's context, as this thread sees it. */
class RemoteSource extends CancellationSource {
  readonly #words: Int32Array;
  readonly #line: RemoteLine;
  readonly publishedDeadline: number;
  readonly publishedCause: unknown;
  #controller: AbortController | undefined;
  err: ContextError | undefined = undefined;

  constructor(region: SharedRegion) {
    super();
    this.#words = openWords(region, KIND, 'context');
    this.#line = new RemoteLine(this, new WaitSet(subregion(region, WAITERS, LINE_BYTES)));
    if (region.byteLength > BYTES) this.publishedCause = readReason(this.#words, DEADLINE_REASON);
    this.publishedDeadline = new Float64Array(region.buffer, region.byteOffset + DEADLINE_BYTE, 1)[0]!;
    this.look();
  }

  get canceled(): boolean {
    return this.err !== undefined;
  }

  get reason(): unknown {
    return this.err;
  }

  get cause(): unknown {
    return this.err?.cause ?? this.err;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.err !== undefined) this.#controller.abort(this.err);
    }
    return this.#controller.signal;
  }

  /** Ends what hangs on it if the context is done. */
  look(): boolean {
    if (this.err !== undefined) return true;
    const words = this.#words;
    // A thread's last words are visible once it is known to be dead.
    const alive = wakes.isAlive(words[MAKER]!);
    const state = Atomics.load(words, STATE);
    if (state === OPEN && alive) return false;
    const cause =
      state === OPEN
        ? new SluiceError('ERR_CONTEXT_LOST', 'the thread that made the context has ended')
        : readReason(words, REASON);
    const options = cause === undefined ? undefined : { cause };
    this.err = state === TIMED_OUT ? new DeadlineExceededError(options) : new CanceledError(options);
    this.#controller?.abort(this.err);
    this.cancelMembers();
    return true;
  }

  protected override filled(): void {
    Waker.get().add(this.#line);
  }

  protected override emptied(): void {
    Waker.get().remove(this.#line);
  }

  protected override waitedFor(is: boolean): void {
    Waker.get().hold(this.#line, is);
  }
}

/** @internal */
export function openSource(handle: ContextHandle): {
  source: CancellationSource;
  deadline: number;
  deadlineCause: unknown;
} {
  const source = new RemoteSource(checkHandle('context', handle));
  return { source, deadline: source.publishedDeadline, deadlineCause: source.publishedCause };
}
