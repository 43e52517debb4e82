/** Finding the waits that a test leaves behind. */
import { fileURLToPath } from 'node:url';
import { type ObservableWait, observeWaits } from '../waiting/wait-observer.js';
import { settle } from './settle.js';
import { StuckWait } from './stuck-wait.js';
import { StuckWaitsError } from './testing-error.js';

/** Frames of a stack trace that are kept, sluice's own among them. */
const CAPTURED_FRAMES = 24;
/** Frames that are shown: the caller and a few above it. */
const SHOWN_FRAMES = 6;
/** Records are looked through for waits that are over when there are this many more than at the last look. */
const SWEEP_EVERY = 1024;

/** Where the compiled library lies: frames in it say nothing to its user. */
const libraryUrl = new URL('..', import.meta.url).href;
const libraryPath = fileURLToPath(libraryUrl);

interface ParkedRecord {
  readonly on: object | readonly object[];
  readonly operation: string;
  readonly trace: Error;
}

const trackers = new Set<WaitTracker>();
const createdAt = new WeakMap<object, Error>();

/** A stack trace; made to text only when it is shown, which is the expensive part. */
function captureTrace(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = CAPTURED_FRAMES;
  const trace = new Error();
  Error.stackTraceLimit = limit;
  return trace;
}

function isOwn(frame: string): boolean {
  return frame.includes(libraryUrl) || frame.includes(libraryPath) || frame.includes('node:internal');
}

function describeTrace(trace: Error): string {
  const frames = (trace.stack ?? '').split('\n').slice(1);
  return frames
    .filter((frame) => !isOwn(frame))
    .slice(0, SHOWN_FRAMES)
    .join('\n');
}

const observer = {
  created(what: object): void {
    createdAt.set(what, captureTrace());
  },
  parked(wait: ObservableWait, on: object | readonly object[], operation: string): void {
    const record = { on, operation, trace: captureTrace() };
    for (const tracker of trackers) tracker.record(wait, record);
  },
};

/**
 * Follows the waits on channels and locks from {@link trackWaits} until it is stopped.
 *
 * A wait counts as stuck when all tasks have settled, it is still there, and no deadline or timer will end it: at the end of a
 * test, when nothing else is going on, only the test itself could.
 */
export class WaitTracker implements AsyncDisposable {
  readonly #records = new Map<ObservableWait, ParkedRecord>();
  #sweepAt = SWEEP_EVERY;

  /** @internal */
  constructor() {
    trackers.add(this);
    observeWaits(observer);
  }

  /** The waits, begun since the tracking began, that are stuck now. */
  async stuck(): Promise<StuckWait[]> {
    await settle();
    this.#sweep();
    const found: StuckWait[] = [];
    for (const [wait, { on, operation, trace }] of this.#records) {
      if (willEnd(wait)) continue;
      const things = (Array.isArray(on) ? on : [on]) as object[];
      const waitedFor = things.map((what) => {
        const made = createdAt.get(what);
        return { what, createdAt: made === undefined ? undefined : describeTrace(made) };
      });
      found.push(new StuckWait(operation, waitedFor, describeTrace(trace)));
    }
    return found;
  }

  /** @throws StuckWaitsError when a wait is stuck */
  async assertNone(): Promise<void> {
    const stuck = await this.stuck();
    if (stuck.length > 0) throw new StuckWaitsError(stuck);
  }

  /** Ends the tracking. */
  stop(): void {
    trackers.delete(this);
    this.#records.clear();
    if (trackers.size === 0) observeWaits(undefined);
  }

  /** Does what `assertNone` does, then stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.assertNone();
    } finally {
      this.stop();
    }
  }

  /** @internal */
  record(wait: ObservableWait, record: ParkedRecord): void {
    this.#records.set(wait, record);
    if (this.#records.size >= this.#sweepAt) this.#sweep();
  }

  #sweep(): void {
    for (const wait of this.#records.keys()) if (!wait.isParked) this.#records.delete(wait);
    this.#sweepAt = this.#records.size * 2 + SWEEP_EVERY;
  }
}

function willEnd(wait: ObservableWait): boolean {
  return wait.source !== undefined && wait.source.dueAt < Infinity;
}

/**
 * Follows all waits on channels and locks that begin from now on, to report those that are stuck: at the end of the
 * scope, with `await using`, as an error that says what each waits for, where, and where that was made.
 *
 * Each wait takes a stack trace while this is on, which costs some microseconds.
 *
 * @example
 * await using waits = trackWaits();
 * const mutex = new Mutex();
 * const held = await mutex.lock();
 * void mutex.lock(); // reported, unless held is released
 * held.release();
 */
export function trackWaits(): WaitTracker {
  return new WaitTracker();
}
