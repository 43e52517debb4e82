/**
 * A pipeline that runs.
 *
 * A value goes from stage to stage in one loop, in the call that brought it, until a stage keeps it (a promise, a group, the output) or is
 * done with it. `#live` counts the values that are under way: taken from the input and neither acknowledged, filtered out, dead-lettered
 * nor given up. It is the only bound: no stage has a queue with a bound of its own, and the input is asked only for what there is room for.
 *
 * When the line stops at a stage, what is in this stage and before it is given up; what has come out of it goes on to the output. `#cut` is
 * that stage's index: what a stage up to there still gives is given up as well.
 */
import { InvalidArgValueError } from '../errors.js';
import {
  type Cancellable,
  CancellationSource,
  type WaitOptions,
  waitSource,
} from '../waiting/cancellation.js';
import type { Acknowledged } from './acknowledged.js';
import { DeadLetterWriter, deadLetterOf } from './dead-letter.js';
import { type InputHost, type LineInput, openInput } from './input.js';
import type { ResolvedPipelineOptions } from './options.js';
import type { OutputSink } from './output.js';
import { OutputStage } from './output-stage.js';
import type { ErrorDecision, Pipeline, PipelineInput, PipelineStats, PipelineTotals } from './pipeline.js';
import { PipelineClosedError, PipelineError } from './pipeline-error.js';
import { SignalWait } from './signal-wait.js';
import { type Failure, NOTHING, type Stage, type StageHost } from './stage.js';
import { Unit } from './unit.js';

/** @internal Makes a stage of a line that is being started. */
export type StageMaker = (
  host: StageHost,
  settings: { name: string; index: number; before: Stage | undefined },
  options: ResolvedPipelineOptions,
) => Stage;

/** @internal */
export interface StagePlan {
  readonly name: string;
  readonly make: StageMaker;
}

/** @internal */
export class Line implements Pipeline, StageHost, InputHost, Cancellable {
  readonly done: Promise<PipelineTotals>;
  #resolve!: (totals: PipelineTotals) => void;
  #reject!: (error: unknown) => void;

  readonly #options: ResolvedPipelineOptions;
  /** The output is the last. */
  readonly #stages: Stage[] = [];
  readonly #input: LineInput;
  readonly #abort = new AbortController();
  readonly #deadLetters: DeadLetterWriter | undefined;

  /** Values under way, their bytes, and how many of them stages hold back until more come. */
  #live = 0;
  #liveBytes = 0;
  #held = 0;
  readonly #totals: PipelineTotals = { in: 0, out: 0, filtered: 0, failed: 0, deadLettered: 0 };

  #inputOver = false;
  #cut = -1;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #isClosed = false;

  // In the list of the signal that may end it.
  source: CancellationSource | undefined = undefined;
  previousInSource: Cancellable | undefined = undefined;
  nextInSource: Cancellable | undefined = undefined;
  readonly isWait = false;

  /** @throws InvalidArgTypeError, ConsumerActiveError */
  constructor(
    input: PipelineInput<unknown>,
    plans: readonly StagePlan[],
    output: OutputSink<unknown>,
    options: ResolvedPipelineOptions,
  ) {
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {}); // a program that looks at it elsewhere, or not at all, must not be ended by it
    if (options.deadLetter !== undefined)
      this.#deadLetters = new DeadLetterWriter(options.deadLetter, this.#abort.signal, (error, letter) =>
        this.#stopAt(plans.length - 1, new PipelineError('deadLetter', error, letter)),
      );
    let before: Stage | undefined;
    for (const { name, make } of plans) {
      before = make(this, { name, index: this.#stages.length, before }, options);
      this.#stages.push(before);
    }
    this.#stages.push(
      new OutputStage(this, { index: this.#stages.length, before }, output, this.#abort.signal),
    );
    this.#input = openInput(this, input, options.capacity);
    if (options.signal?.canceled) this.#end(options.signal.reason);
    else {
      options.signal?.add(this);
      this.#input.more();
    }
  }

  stats(): PipelineStats {
    return {
      ...this.#totals,
      out: this.#stages.at(-1)!.out,
      inFlight: this.#live,
      capacity: this.#options.capacity,
      stages: this.#stages.map((stage) => stage.stats()),
    };
  }

  async drain(options?: WaitOptions): Promise<PipelineTotals> {
    const signal = waitSource(options);
    if (this.#isClosed) throw new PipelineClosedError();
    if (signal?.canceled) throw signal.reason;
    if (!this.#inputOver) {
      this.#input.cancel(true);
      this.inputEnded();
    }
    return signal === undefined ? this.done : SignalWait.for(this.done, signal);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#end(new PipelineClosedError());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  canceledBy(source: CancellationSource): void {
    this.#end(source.reason);
  }

  // What the input tells.

  get room(): number {
    if (this.#inputOver || this.#liveBytes >= this.#options.bytes) return 0;
    const room = this.#options.capacity - this.#live;
    return this.#options.bytes === Infinity ? room : Math.min(room, 1);
  }

  take(value: unknown, origin: Acknowledged<unknown> | undefined): void {
    if (this.#isOver) return;
    this.#totals.in++;
    this.#live++;
    let bytes = 0;
    let key: unknown;
    const { order, key: keyOf } = this.#options;
    try {
      if (this.#options.bytes < Infinity) bytes = this.#options.sizeOf(value);
      if (order === 'key') key = keyOf === undefined ? this.#keyOf(origin) : keyOf(value);
    } catch (error) {
      this.#live--;
      this.#stopAt(-1, new PipelineError('input', error, value));
      return;
    }
    this.#liveBytes += bytes;
    this.#advance(value, new Unit(1, bytes, key, origin, undefined, undefined), 0);
    if (this.#held > 0) this.#look();
    else if (bytes > 0) this.#input.more();
  }

  inputEnded(): void {
    this.#inputOver = true;
    this.#look();
  }

  inputFailed(error: unknown): void {
    if (this.#inputOver) return;
    this.#failure ??= { error: new PipelineError('input', error, undefined) };
    this.inputEnded();
  }

  #keyOf(origin: Acknowledged<unknown> | undefined): string | number {
    if (origin?.key === undefined)
      throw new InvalidArgValueError(
        'options.key',
        "must be given with ordered: 'key', since the input's values name no key",
        undefined,
      );
    return origin.key;
  }

  // What stages tell.

  pass(index: number, value: unknown, unit: Unit): void {
    if (index <= this.#cut || this.#isOver) this.#giveUp(unit);
    else this.#advance(value, unit, index + 1);
  }

  settle(unit: Unit): void {
    if (this.#isOver) return;
    this.#live -= unit.weight;
    this.#liveBytes -= unit.release(true);
    this.#look();
  }

  reweigh(change: number): void {
    this.#live += change;
  }

  held(change: number): void {
    this.#held += change;
  }

  filtered(count: number): void {
    this.#totals.filtered += count;
  }

  decide(failure: Failure): void {
    if (this.#failure !== undefined && this.#cut >= 0) {
      // It stops already: what fails on the way out is given up.
      failure.skip();
      for (const { unit } of failure.items) this.#giveUp(unit);
      return;
    }
    const { onError } = this.#options;
    if (typeof onError !== 'function') {
      this.#carryOut(onError, failure);
      return;
    }
    const name = failure.stage.name;
    let decision: ErrorDecision | PromiseLike<ErrorDecision>;
    try {
      decision = onError(failure.error, failure.value, name);
    } catch (error) {
      this.#stop(failure, error);
      return;
    }
    if (typeof decision === 'object' && decision !== null && typeof decision.then === 'function')
      decision.then(
        (decided) => this.#carryOut(decided, failure),
        (error) => this.#stop(failure, error),
      );
    else this.#carryOut(decision as ErrorDecision, failure);
  }

  #carryOut(decision: ErrorDecision, failure: Failure): void {
    switch (decision) {
      case 'stop':
        this.#stop(failure, failure.error);
        break;
      case 'skip':
        this.#skip(failure);
        break;
      case 'retry':
        // Behind a turn of the event loop: what fails again and again must not hold it.
        setImmediate(() => failure.retry());
        break;
      default:
        this.#stop(
          failure,
          new InvalidArgValueError(
            'the result of options.onError',
            "must be 'stop', 'skip' or 'retry'",
            decision,
          ),
        );
    }
  }

  #skip(failure: Failure): void {
    if (this.#isOver) return;
    const { items, stage, error, attempts } = failure;
    for (const { unit } of items) this.#totals.failed += unit.weight;
    const deadLetters = this.#deadLetters;
    if (deadLetters !== undefined)
      for (const item of items)
        deadLetters.write(deadLetterOf(item, { error, stage: stage.name, attempts, at: Date.now() }), () => {
          this.#totals.deadLettered += item.unit.weight;
          this.settle(item.unit);
        });
    failure.skip();
    if (deadLetters === undefined) for (const { unit } of items) this.settle(unit);
  }

  #stop(failure: Failure, error: unknown): void {
    if (this.#isOver) return;
    failure.stop(() => {
      const { stage, items, value } = failure;
      for (const { unit } of items) this.#totals.failed += unit.weight;
      this.#stopAt(stage.index, new PipelineError(stage.name, error, value));
      for (const { unit } of items) this.#giveUp(unit);
    });
  }

  /** Stage `index` and those before it give up what they have; those behind it come to their end. */
  #stopAt(index: number, error: unknown): void {
    if (this.#isOver) return;
    this.#failure ??= { error };
    const from = this.#cut + 1;
    this.#cut = Math.max(this.#cut, index);
    if (!this.#inputOver) {
      this.#inputOver = true;
      this.#input.cancel(false);
    }
    for (let i = from; i <= this.#cut; i++) for (const unit of this.#stages[i]!.abandon()) this.#giveUp(unit);
    this.#look();
  }

  /** Through the stages from `at` on, as far as it goes without waiting. */
  #advance(value: unknown, unit: Unit, at: number): void {
    const stages = this.#stages;
    let current = unit;
    let result = value;
    for (let i = at; i < stages.length; i++) {
      const stage = stages[i]!;
      if (i <= this.#cut) {
        this.#giveUp(current);
        return;
      }
      result = stage.step(result, current);
      if (result === NOTHING) return;
      current = stage.unitOut;
    }
  }

  #giveUp(unit: Unit): void {
    if (this.#isOver) return;
    this.#live -= unit.weight;
    this.#liveBytes -= unit.release(false);
    if (this.#live === 0) this.#look();
  }

  /** Asks for more, gives what is held back where nothing can come to it any more, and sees the end. */
  #look(): void {
    if (this.#isOver) return;
    if (!this.#inputOver) this.#input.more();
    while (this.#held > 0 && this.#held === this.#live && (this.#inputOver || this.#isFull)) {
      const stage = this.#stages.find((one) => one.giveHeld());
      if (stage === undefined) break;
    }
    if (this.#inputOver && this.#live === 0) this.#finish();
  }

  get #isFull(): boolean {
    return this.#live >= this.#options.capacity || this.#liveBytes >= this.#options.bytes;
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#cut = this.#stages.length;
    // Before anything is told: what it answers finds that all is over.
    const wasOver = this.#inputOver;
    this.#inputOver = true;
    this.#isOver = true;
    this.#deadLetters?.abandon();
    this.#abort.abort(error);
    for (const stage of this.#stages) stage.abandon();
    this.#live = 0;
    this.#liveBytes = 0;
    if (!wasOver) this.#input.cancel(false);
    CancellationSource.detach(this);
    this.#reject(error);
  }

  #finish(): void {
    this.#isOver = true;
    CancellationSource.detach(this);
    this.#totals.out = this.#stages.at(-1)!.out;
    if (this.#failure !== undefined) this.#reject(this.#failure.error);
    else this.#resolve({ ...this.#totals });
  }
}
