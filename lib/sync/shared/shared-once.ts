/**
 * What is done once in the process: one word says whether it was, or which thread is at it; the outcome lies behind it.
 *
 * Who exchanges NEW for its own id is the runner. It writes the outcome and then the word, and wakes the threads that wait. When it dies,
 * its id is exchanged for POISONED: what it began may be half done, so nobody begins again unless asked to by `recover`. A thread that
 * waits parks in the wait set and looks at the word again; whoever changes the word then wakes the set.
 *
 * The runner's number in Node is in the word beside, in a plain store behind the exchange: others read it only after the runner's death.
 */
import { Buffer } from 'node:buffer';
import { threadId as nodeThreadId } from 'node:worker_threads';
import { SluiceError } from '../../errors.js';
import { Encoded } from '../../memory/codec/encoded.js';
import { REASON_BYTES, readReason, writeReason } from '../../memory/codec/reason.js';
import { StructuredReader, writeStructured } from '../../memory/codec/structured.js';
import { checkHandle, makeHandle, type SharedHandle } from '../../memory/handle.js';
import { LINE_BYTES } from '../../memory/layout.js';
import { subregion } from '../../memory/memory.js';
import { endOf, type OpenEnd } from '../../memory/open-ends.js';
import { WaitSet } from '../../memory/wait-set.js';
import { threadId, Waker } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';
import { checkFunction } from '../../validate.js';
import { type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { ready } from '../../waiting/turn-budget.js';
import { waitObserver } from '../../waiting/wait-observer.js';
import { LockPoisonedError, OnceReentrantError } from '../local/sync-error.js';
import { LockWaiter, park, WaitQueue } from '../local/wait-queue.js';
import { LockLine } from './lock-line.js';
import { EXTRA, HOT, LockMemory } from './lock-memory.js';

const STATE = HOT;
// Values of STATE; any other is the id of the thread that runs the function: no id is so small.
const NEW = 0;
const RETURNED = 1;
const THREW = 2;
const POISONED = 3;
/** Node's number of the runner. */
const RUNNER = HOT + 1;
/** Bytes of the value. */
const LENGTH = HOT + 2;

const WAITERS = EXTRA;
const REASON = WAITERS + LINE_BYTES;
const VALUE = REASON + REASON_BYTES;

/** Waits for the outcome, or to be the next that tries. */
class OnceWaiter<T> extends LockWaiter {
  readonly fn: () => T | PromiseLike<T>;
  readonly recovers: boolean;

  constructor(fn: () => T | PromiseLike<T>, recovers: boolean) {
    super();
    this.fn = fn;
    this.recovers = recovers;
  }
}

type Outcome<T> = { value: T } | { error: unknown };

/** What {@link SharedOnce.handle} is: post it to another thread of this process and give it to {@link openOnce}. */
export type OnceHandle<T = void> = SharedHandle<'once'> & {
  /** Only in types: what the function gives. */
  readonly gives?: T;
};

/**
 * What `new Once({ shared: true })` makes: a function is called once in the process, on the thread that asks first, and all threads
 * get its outcome. So `do` answers with a promise, and a function that gives a promise is done when that is settled.
 *
 * The value travels as structured clone makes it: the thread that ran the function has the value itself, the others a copy each. Of an
 * error travel name, message and `code`.
 *
 * When the thread that runs the function dies, what it began may be half done: the Once is poisoned, and `do` rejects with a
 * LockPoisonedError that names the thread, until `recover` runs a function in its place.
 */
export interface SharedOnce<T = void> {
  /** The function has returned or thrown. */
  readonly done: boolean;
  /** The thread that ran the function has died in the middle of it. */
  readonly poisoned: boolean;
  /** Can be posted to other threads of the process, any number of times. */
  readonly handle: OnceHandle<T>;
  /**
   * Calls `fn` if nothing was called before, and gives the outcome of what was. When `signal` fires first, the wait is over; the
   * function goes on.
   *
   * @throws all as rejections: what the function threw; CodecError for a value that cannot be cloned and `ERR_OUTCOME_TOO_LARGE` for one
   * that is longer than `maxBytes`, which are then the outcome; LockPoisonedError; OnceReentrantError
   */
  do(fn: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T>;
  /** As `do`, but calls `fn` also in place of a function whose thread has died. */
  recover(fn: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T>;
}

/** @internal */
export class SharedOnceEnd<T> extends WaitQueue<OnceWaiter<T>> implements SharedOnce<T>, OpenEnd {
  readonly #memory: LockMemory;
  readonly #words: Int32Array;
  readonly #waiters: WaitSet;
  readonly #line: LockLine;
  readonly #id = threadId();
  /** As this thread knows it: the value itself where the function ran, a copy elsewhere. */
  #outcome: Outcome<T> | undefined;
  /** The function is being called, and has not returned. */
  #calling = false;

  /** @param maxBytes - room for the value, encoded */
  static create<T>(maxBytes: number): SharedOnceEnd<T> {
    return SharedOnceEnd.#of(LockMemory.create('once', maxBytes, VALUE - EXTRA + maxBytes));
  }

  /** @throws InvalidArgTypeError, SharedMemoryError */
  static open<T>(handle: unknown): SharedOnceEnd<T> {
    return SharedOnceEnd.#of(new LockMemory('once', checkHandle('once', handle)));
  }

  static #of<T>(memory: LockMemory): SharedOnceEnd<T> {
    return endOf('lock', memory.name, () => {
      const waiters = new WaitSet(subregion(memory.region, WAITERS, LINE_BYTES));
      return { end: new SharedOnceEnd<T>(memory, waiters), leave: () => waiters.leave() };
    });
  }

  private constructor(memory: LockMemory, waiters: WaitSet) {
    super();
    this.#memory = memory;
    this.#words = memory.words;
    this.#waiters = waiters;
    this.#line = new LockLine(this, waiters);
    waitObserver?.created(this);
  }

  get handle(): SharedHandle<'once'> {
    return makeHandle('once', this.#memory.region);
  }

  get #state(): number {
    return Atomics.load(this.#words, STATE);
  }

  get done(): boolean {
    const state = this.#state;
    return state === RETURNED || state === THREW;
  }

  get poisoned(): boolean {
    return this.#state === POISONED;
  }

  do(fn: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T> {
    return this.#ask(checkFunction('fn', fn), false, options, 'Once.do');
  }

  recover(fn: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T> {
    return this.#ask(checkFunction('fn', fn), true, options, 'Once.recover');
  }

  #ask(
    fn: () => T | PromiseLike<T>,
    recovers: boolean,
    options: WaitOptions | undefined,
    operation: string,
  ): Promise<T> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    if (this.done) return this.#answer();
    if (this.#calling) return Promise.reject(new OnceReentrantError());
    const begins = this.#begin(recovers);
    if (!begins && !recovers && this.poisoned) return Promise.reject(this.#poisonedError());
    const outcome = park<T>(this, new OnceWaiter(fn, recovers), source, this, operation);
    Waker.get().add(this.#line);
    if (begins) void this.#run(fn);
    this.#settle();
    return outcome;
  }

  /** Makes this thread the runner, if it is somebody's turn to be that. */
  #begin(recovers: boolean): boolean {
    const words = this.#words;
    const from = recovers && this.#state === POISONED ? POISONED : NEW;
    if (Atomics.compareExchange(words, STATE, from, this.#id) !== from) return false;
    words[RUNNER] = nodeThreadId;
    return true;
  }

  async #run(fn: () => T | PromiseLike<T>): Promise<void> {
    this.#publish(await this.#call(fn));
    this.#settle();
  }

  async #call(fn: () => T | PromiseLike<T>): Promise<Outcome<T>> {
    try {
      this.#calling = true;
      let result: T | PromiseLike<T>;
      try {
        result = fn();
      } finally {
        this.#calling = false;
      }
      return { value: await result };
    } catch (error) {
      return { error };
    }
  }

  /** Puts the outcome where other threads find it. A value that cannot go there makes it an error, for all. */
  #publish(outcome: Outcome<T>): void {
    const words = this.#words;
    let published = outcome;
    if ('value' in outcome) {
      try {
        this.#writeValue(outcome.value);
      } catch (error) {
        published = { error };
      }
    }
    this.#outcome = published;
    if ('error' in published) writeReason(words, REASON / 4, published.error);
    Atomics.store(words, STATE, 'error' in published ? THREW : RETURNED);
    this.#waiters.wakeAll();
  }

  #writeValue(value: T): void {
    const out = new Encoded();
    writeStructured(out, value);
    const { capacity } = this.#memory;
    if (out.length > capacity)
      throw new SluiceError(
        'ERR_OUTCOME_TOO_LARGE',
        `the function of the Once returned a value of ${out.length} bytes, more than its maxBytes, ${capacity}`,
      );
    new Uint8Array(this.#words.buffer, this.#words.byteOffset + VALUE, out.length).set(
      out.bytes.subarray(out.start, out.end),
    );
    this.#words[LENGTH] = out.length;
  }

  #read(state: number): Outcome<T> {
    const words = this.#words;
    if (state === THREW) return { error: readReason(words, REASON / 4) };
    const bytes = new Uint8Array(words.buffer, words.byteOffset + VALUE, words[LENGTH]!);
    const reader = new StructuredReader();
    reader.start(Buffer.from(bytes), 0);
    try {
      return { value: reader.read() as T };
    } catch (error) {
      return { error };
    }
  }

  #answer(): Promise<T> {
    this.#outcome ??= this.#read(this.#state);
    return 'value' in this.#outcome ? ready(this.#outcome.value) : Promise.reject(this.#outcome.error);
  }

  /** Ends the waits that can be ended. True: none is left. */
  look(): boolean {
    if (this.first === undefined) return true;
    const state = this.#state;
    if (state === RETURNED || state === THREW) {
      this.#outcome ??= this.#read(state);
      for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) {
        if ('value' in this.#outcome) waiter.resolve(this.#outcome.value);
        else waiter.reject(this.#outcome.error);
      }
    } else if (state === POISONED) {
      this.#refuse();
    }
    return this.first === undefined;
  }

  /** The runner has died: who asked for that begins again, the others are told. */
  #refuse(): void {
    for (let waiter = this.first; waiter !== undefined; ) {
      const next = waiter.next as OnceWaiter<T> | undefined;
      if (!waiter.recovers) {
        WaitQueue.remove(waiter);
        waiter.reject(this.#poisonedError());
      } else if (this.#begin(true)) {
        const { fn } = waiter;
        queueMicrotask(() => void this.#run(fn)); // not within the waker's look
      }
      waiter = next;
    }
  }

  #settle(): void {
    if (this.look()) Waker.get().remove(this.#line);
  }

  override waiterLeft(): void {
    if (this.first === undefined) Waker.get().remove(this.#line);
  }

  sweep(): void {
    const words = this.#words;
    const state = this.#state;
    if (state > POISONED || state < NEW) {
      if (!wakes.isAlive(state) && Atomics.compareExchange(words, STATE, state, POISONED) === state)
        this.#waiters.wakeAll();
    }
    this.look();
  }

  #poisonedError(): LockPoisonedError {
    return new LockPoisonedError(Atomics.load(this.#words, RUNNER), 'ran the function of the Once');
  }
}
