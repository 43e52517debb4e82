/**
 * Where a line's values come from: a plain iterable, a flow of anything else, which is asked for as many as there is room for, or an input
 * that wants acknowledgements.
 */
import { receiveSide } from '../channel/selectable.js';
import { type Flow, type FlowSource, type FlowSubscription, flow } from '../flow/index.js';
import { charge, readyVoid } from '../waiting/turn-budget.js';
import { type Acknowledged, acknowledgedValues, isAcknowledgedInput } from './acknowledged.js';
import type { PipelineInput } from './pipeline.js';

/** What an input tells its line. */
export interface InputHost {
  /** Values that there is room for. */
  readonly room: number;
  take(value: unknown, origin: Acknowledged<unknown> | undefined): void;
  inputEnded(): void;
  inputFailed(error: unknown): void;
}

/** @internal */
export interface LineInput {
  /** There is room, perhaps. Called often. */
  more(): void;
  /** Nothing more is wanted, but for what was taken from the source already. Says `inputEnded` when that has come. */
  finish(): void;
  /** Nothing is wanted any more. */
  cancel(): void;
}

/**
 * @internal
 * @throws InvalidArgTypeError, ConsumerActiveError
 */
export function openInput<T>(host: InputHost, input: PipelineInput<T>, capacity: number): LineInput {
  if (isAcknowledgedInput(input)) return new AcknowledgedReader(host, input[acknowledgedValues].bind(input));
  return isPlainIterable(input)
    ? new IterableReader(host, input)
    : new FlowReader(host, flowOf(input), capacity);
}

/** It is nothing else that a flow would rather take it for. */
function isPlainIterable<T>(input: PipelineInput<T>): input is Iterable<T> & PipelineInput<T> {
  if (typeof input !== 'object') return false;
  const { [Symbol.iterator]: iterator, [Symbol.asyncIterator]: asyncIterator } = input as Partial<
    Iterable<T> & AsyncIterable<T>
  >;
  const isOther = receiveSide in input || 'getReader' in input || 'subscribe' in input || 'pipe' in input;
  return typeof iterator === 'function' && asyncIterator === undefined && !isOther;
}

/** @throws InvalidArgTypeError */
function flowOf<T>(input: PipelineInput<T>): Flow<T> {
  const { subscribe, toReadableStream } = input as Partial<Flow<T>>;
  if (typeof subscribe === 'function' && typeof toReadableStream === 'function') return input as Flow<T>;
  // The line has the bound; a flow holds the one value that a source gives ahead.
  return flow(input as FlowSource<T>, { capacity: 1 });
}

/** Values between two looks at what they cost the event loop. */
const VALUES_A_CHARGE = 32;

/** Takes values of a synchronous iterable as there is room for them, and none ahead. */
class IterableReader<T> implements LineInput {
  readonly #host: InputHost;
  readonly #source: Iterable<T>;
  #iterator: Iterator<T> | undefined;
  /** It takes values already, or will go on when the event loop has turned. */
  #isTaking = false;
  /** The source is in its `next`, where a generator can't be told to return. */
  #isInNext = false;
  #isOver = false;

  constructor(host: InputHost, source: Iterable<T>) {
    this.#host = host;
    this.#source = source;
  }

  more(): void {
    if (!this.#isTaking && !this.#isOver) this.#take();
  }

  finish(): void {
    this.cancel();
    this.#host.inputEnded();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isInNext) this.#leave();
  }

  #leave(): void {
    try {
      this.#iterator?.return?.();
    } catch {
      // The source's own clean-up failed, and its values are wanted no more.
    }
  }

  #take(): void {
    const host = this.#host;
    this.#isTaking = true;
    try {
      const iterator = this.#open();
      for (let taken = 1; !this.#isOver && host.room > 0; taken++) {
        this.#isInNext = true;
        const { done, value } = iterator.next();
        this.#isInNext = false;
        if (this.#isOver) {
          if (!done) this.#leave(); // the source itself has ended the line
          break;
        }
        if (done) {
          this.#isOver = true;
          host.inputEnded();
          break;
        }
        host.take(value, undefined);
        // An endless source and stages that keep nothing must not hold the event loop for ever.
        const turn = taken % VALUES_A_CHARGE === 0 ? charge(VALUES_A_CHARGE) : undefined;
        if (turn !== undefined) {
          turn.then(() => {
            this.#isTaking = false;
            this.more();
          });
          return;
        }
      }
    } catch (error) {
      if (!this.#isOver) {
        this.#isOver = true;
        host.inputFailed(error);
      }
    }
    this.#isTaking = false;
  }

  #open(): Iterator<T> {
    this.#iterator ??= this.#source[Symbol.iterator]();
    return this.#iterator;
  }
}

class FlowReader<T> implements LineInput {
  readonly #host: InputHost;
  readonly #flow: Flow<T>;
  readonly #subscription: FlowSubscription;
  /** Requests are made for this many at least, unless nothing is on its way. */
  readonly #portion: number;
  /** Requested, and not come yet. */
  #expected = 0;
  /** So many values are taken yet, and then no more. */
  #left = Infinity;
  #isOver = false;

  constructor(host: InputHost, source: Flow<T>, capacity: number) {
    this.#host = host;
    this.#flow = source;
    this.#portion = Math.max(1, capacity >> 2);
    this.#subscription = source.subscribe(
      {
        next: (value) => {
          this.#expected--;
          this.#left--;
          host.take(value, undefined);
          if (this.#left === 0) this.#leave();
        },
        complete: () => {
          if (this.#isOver) return;
          this.#isOver = true;
          host.inputEnded();
        },
        error: (error) => {
          if (this.#isOver) return;
          this.#isOver = true;
          host.inputFailed(error);
        },
      },
      { request: 0 },
    );
  }

  more(): void {
    if (this.#isOver) return;
    const wanted = Math.min(this.#host.room, this.#left) - this.#expected;
    if (wanted <= 0 || (this.#expected > 0 && wanted < this.#portion)) return;
    this.#expected += wanted;
    this.#subscription.request(wanted);
  }

  finish(): void {
    if (this.#isOver || this.#left < Infinity) return;
    this.#left = this.#flow.stats().buffered;
    if (this.#left === 0) this.#leave();
    else this.more();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#subscription.cancel();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.cancel();
    this.#host.inputEnded();
  }
}

class AcknowledgedReader implements LineInput {
  readonly #host: InputHost;
  readonly #abort = new AbortController();
  #roomMade: (() => void) | undefined;

  constructor(
    host: InputHost,
    open: (options: { signal: AbortSignal }) => AsyncIterable<readonly Acknowledged<unknown>[]>,
  ) {
    this.#host = host;
    void this.#run(open);
  }

  more(): void {
    if (this.#roomMade === undefined || this.#host.room <= 0) return;
    const made = this.#roomMade;
    this.#roomMade = undefined;
    made();
  }

  finish(): void {
    this.cancel();
    this.#host.inputEnded();
  }

  cancel(): void {
    this.#abort.abort();
    const made = this.#roomMade;
    this.#roomMade = undefined;
    made?.();
  }

  async #run(
    open: (options: { signal: AbortSignal }) => AsyncIterable<readonly Acknowledged<unknown>[]>,
  ): Promise<void> {
    const { signal } = this.#abort;
    try {
      for await (const group of open({ signal })) {
        for (const one of group) {
          while (this.#host.room <= 0 && !signal.aborted)
            await new Promise<void>((resolve) => {
              this.#roomMade = resolve;
            });
          // What is left of the group was not taken: its input gives it again.
          if (signal.aborted) return;
          this.#host.take(one.value, one);
        }
        await readyVoid(group.length);
      }
      if (!signal.aborted) this.#host.inputEnded();
    } catch (error) {
      if (!signal.aborted) this.#host.inputFailed(error);
    }
  }
}
