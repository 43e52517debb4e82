/** Where a line's values come from: a flow, which it asks for as many as there is room for, or an input that wants acknowledgements. */
import { type Flow, type FlowSource, type FlowSubscription, flow } from '../flow/index.js';
import { readyVoid } from '../waiting/turn-budget.js';
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
  /** Nobody wants values any more, but for what was taken from the source already, if `takeHeld`. */
  cancel(takeHeld: boolean): void;
}

/**
 * @internal
 * @throws InvalidArgTypeError, ConsumerActiveError
 */
export function openInput<T>(host: InputHost, input: PipelineInput<T>, capacity: number): LineInput {
  return isAcknowledgedInput(input)
    ? new AcknowledgedReader(host, input[acknowledgedValues].bind(input))
    : new FlowReader(host, flowOf(input), capacity);
}

/** @throws InvalidArgTypeError */
function flowOf<T>(input: PipelineInput<T>): Flow<T> {
  const { subscribe, toReadableStream } = input as Partial<Flow<T>>;
  if (typeof subscribe === 'function' && typeof toReadableStream === 'function') return input as Flow<T>;
  // The line has the bound; a flow holds the one value that a source gives ahead.
  return flow(input as FlowSource<T>, { capacity: 1 });
}

class FlowReader<T> implements LineInput {
  readonly #host: InputHost;
  readonly #flow: Flow<T>;
  readonly #subscription: FlowSubscription;
  /** Requests are made for this many at least, unless nothing is on its way. */
  readonly #portion: number;
  /** Requested, and not come yet. */
  #expected = 0;
  #isOver = false;

  constructor(host: InputHost, source: Flow<T>, capacity: number) {
    this.#host = host;
    this.#flow = source;
    this.#portion = Math.max(1, capacity >> 2);
    this.#subscription = source.subscribe(
      {
        next: (value) => {
          this.#expected--;
          host.take(value, undefined);
        },
        complete: () => {
          this.#isOver = true;
          host.inputEnded();
        },
        error: (error) => {
          this.#isOver = true;
          host.inputFailed(error);
        },
      },
      { request: 0 },
    );
  }

  more(): void {
    if (this.#isOver) return;
    const wanted = this.#host.room - this.#expected;
    if (wanted <= 0 || (this.#expected > 0 && wanted < this.#portion)) return;
    this.#expected += wanted;
    this.#subscription.request(wanted);
  }

  cancel(takeHeld: boolean): void {
    if (this.#isOver) return;
    const buffered = takeHeld ? this.#flow.stats().buffered : 0;
    if (buffered > 0) {
      this.#expected += buffered;
      this.#subscription.request(buffered);
    }
    this.#isOver = true;
    this.#subscription.cancel();
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
