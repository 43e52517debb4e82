/**
 * A pipeline that runs.
 *
 * A value goes from stage to stage in one loop, in the call that brought it, until a stage keeps it (a promise, a group, the output) or is
 * done with it. Functions that return no promise are called by that loop itself, past their stages; what that would cost in counters is
 * paid once a run of functions: `#steps[i]` is how many values have entered stage i from outside the loop less those that have left the
 * loop in front of it, so that the sum up to i is what the loop has led through stage i. `#live` counts the values that are under way: taken from the input and neither acknowledged, filtered out, dead-lettered
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
import { timers } from '../waiting/timer-heap.js';
import type { Acknowledged } from './acknowledged.js';
import { type DeadLetter, type DeadLetterHost, DeadLetterWriter, deadLetterOf } from './dead-letter.js';
import { FunctionStage, isThenable } from './function-stage.js';
import { type InputHost, type LineInput, openInput } from './input.js';
import type { ResolvedPipelineOptions } from './options.js';
import type { OutputSink } from './output.js';
import { OutputStage } from './output-stage.js';
import type { Pipeline, PipelineInput, PipelineStats, PipelineTotals } from './pipeline.js';
import { PipelineClosedError, PipelineError } from './pipeline-error.js';
import { SignalWait } from './signal-wait.js';
import { type Failure, NOTHING, type Stage, type StageHost } from './stage.js';
import { FIRST_SAMPLES, SAMPLE } from './stage-times.js';
import { PLAIN, Unit } from './unit.js';

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
export class Line implements Pipeline, StageHost, InputHost, DeadLetterHost, Cancellable {
  readonly done: Promise<PipelineTotals>;
  #resolve!: (totals: PipelineTotals) => void;
  #reject!: (error: unknown) => void;

  readonly #options: ResolvedPipelineOptions;
  readonly #capacity: number;
  /** Values of the input have nothing to tell, unless they want to be acknowledged. */
  readonly #isPlain: boolean;
  /** The output is the last. */
  readonly #stages: Stage[] = [];
  /** The functions of the stages that values may go past, each at its stage's index. */
  readonly #calls: (((value: unknown) => unknown) | undefined)[] = [];
  readonly #isFilter: boolean[] = [];
  readonly #steps: Float64Array;
  /** Calls of that loop, which only every SAMPLEth value leaves to be measured. */
  readonly #unmeasured: Float64Array;
  #untilSample = 1;
  readonly #input: LineInput;
  readonly #abort = new AbortController();
  readonly #deadLetters: DeadLetterWriter | undefined;

  /** Values under way, their bytes, and how many of them stages hold back until more come. */
  #live = 0;
  #liveBytes = 0;
  #held = 0;
  #pauses = 0;
  #in = 0;
  #filtered = 0;
  #failed = 0;
  #deadLettered = 0;

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
    this.#capacity = options.capacity;
    this.#isPlain = options.bytes === Infinity && options.order !== 'key';
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {}); // a program that looks at it elsewhere, or not at all, must not be ended by it
    if (options.deadLetter !== undefined)
      this.#deadLetters = new DeadLetterWriter(this, options.deadLetter, this.#abort.signal);
    this.#steps = new Float64Array(plans.length + 2);
    this.#unmeasured = new Float64Array(plans.length + 2);
    let before: Stage | undefined;
    for (const { name, make } of plans) {
      before = make(this, { name, index: this.#stages.length, before }, options);
      this.#stages.push(before);
      this.#isFilter.push(before instanceof FunctionStage && before.isFilter);
    }
    this.#stages.push(
      new OutputStage(this, { index: this.#stages.length, before }, output, this.#abort.signal),
    );
    this.#calls.push(undefined); // reading behind the end of an array is slow
    this.#input = openInput(this, input, options.capacity);
    if (options.signal?.canceled) this.#end(options.signal.reason);
    else {
      options.signal?.add(this);
      // The program has its line before the first value goes through it.
      queueMicrotask(() => this.#look());
    }
  }

  stats(): PipelineStats {
    let passed = 0;
    const stages = this.#stages.map((stage, i) => {
      passed += this.#steps[i]!;
      return stage.stats(passed, this.#unmeasured[i]!);
    });
    return { ...this.#totals, inFlight: this.#live, capacity: this.#options.capacity, stages };
  }

  async drain(options?: WaitOptions): Promise<PipelineTotals> {
    const signal = waitSource(options);
    if (this.#isClosed) throw new PipelineClosedError();
    if (signal?.canceled) throw signal.reason;
    if (!this.#inputOver) this.#input.finish();
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

  get #totals(): PipelineTotals {
    return {
      in: this.#in,
      out: this.#stages.at(-1)!.out,
      filtered: this.#filtered,
      failed: this.#failed,
      deadLettered: this.#deadLettered,
    };
  }

  // What the input tells.

  get room(): number {
    if (this.#inputOver) return 0;
    const room = this.#capacity - this.#live;
    if (this.#isPlain || this.#options.bytes === Infinity) return room;
    return this.#liveBytes >= this.#options.bytes ? 0 : Math.min(room, 1);
  }

  take(value: unknown, origin: Acknowledged<unknown> | undefined): void {
    if (this.#isOver) return;
    this.#in++;
    this.#live++;
    if (this.#isPlain && origin === undefined) this.#advance(value, PLAIN, 0);
    else this.#takeWhole(value, origin);
    if (this.#held > 0) this.#look();
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

  /** With all that is to be known of it. */
  #takeWhole(value: unknown, origin: Acknowledged<unknown> | undefined): void {
    const { order, key: keyOf } = this.#options;
    let bytes = 0;
    let key: unknown;
    try {
      if (this.#options.bytes < Infinity) bytes = this.#options.sizeOf(value);
      // What names no key of its own keeps the order of its partition.
      if (order === 'key') key = keyOf === undefined ? (origin?.key ?? origin?.partition) : keyOf(value);
    } catch (error) {
      this.#live--;
      this.#failed++;
      this.#stopAt(-1, new PipelineError('input', error, value));
      return;
    }
    this.#liveBytes += bytes;
    this.#advance(value, new Unit(1, { bytes, key, origin }), 0);
    if (this.#options.bytes < Infinity) this.#input.more(); // it was asked for one value only
  }

  // What stages tell.

  setCall(index: number, call: ((value: unknown) => unknown) | undefined): void {
    this.#calls[index] = call;
  }

  pass(index: number, value: unknown, unit: Unit): void {
    if (index <= this.#cut || this.#isOver) this.#giveUp(unit);
    else {
      this.#advance(value, unit, index + 1);
      if (this.#held > 0) this.#look(); // it may be the last that can come to a group
    }
  }

  settle(unit: Unit): void {
    if (this.#isOver) return;
    this.#live -= unit.weight;
    if (unit !== PLAIN) this.#release(unit, true);
    this.#look();
  }

  settleAll(units: readonly Unit[], weight: number): void {
    if (this.#isOver) return;
    this.#live -= weight;
    for (const unit of units) this.#release(unit, true);
    this.#look();
  }

  reweigh(change: number): void {
    this.#live += change;
  }

  held(change: number): void {
    this.#held += change;
  }

  pause(): void {
    this.#pauses++;
  }

  resume(looks: boolean): void {
    if (--this.#pauses === 0 && looks) this.#look();
  }

  filtered(count: number): void {
    this.#filtered += count;
  }

  letterWritten(unit: Unit): void {
    this.#deadLettered += unit.weight;
    this.settle(unit);
  }

  lettersLost(units: readonly Unit[], error: unknown, letter: DeadLetter): void {
    this.#stopAt(this.#stages.length - 2, new PipelineError('deadLetter', error, letter));
    for (const unit of units) this.#giveUp(unit);
  }

  decide(failure: Failure): void {
    if (this.#isGone(failure)) return;
    const { onError } = this.#options;
    if (typeof onError !== 'function') {
      this.#carryOut(onError, failure);
      return;
    }
    let decision: unknown;
    try {
      decision = onError(failure.error, failure.value, failure.stage.name);
      if (isThenable(decision)) {
        Promise.resolve(decision).then(
          (decided) => this.#carryOut(decided, failure),
          (error) => this.#stop(failure, error),
        );
        return;
      }
    } catch (error) {
      this.#stop(failure, error);
      return;
    }
    this.#carryOut(decision, failure);
  }

  #carryOut(decision: unknown, failure: Failure): void {
    if (this.#isGone(failure)) return;
    switch (decision) {
      case 'stop':
        this.#stop(failure, failure.error);
        break;
      case 'skip':
        this.#skip(failure);
        break;
      case 'retry':
        // Behind a turn of the event loop: what fails again and again must not hold it.
        setImmediate(() => {
          if (!this.#isGone(failure)) failure.retry();
        });
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

  /** The line has stopped at this stage or behind it, or ended, while it was being decided. */
  #isGone(failure: Failure): boolean {
    if (!failure.isOpen || this.#isOver) return true;
    if (failure.stage.index > this.#cut) return false;
    this.#giveUpFailure(failure);
    return true;
  }

  #giveUpFailure(failure: Failure): void {
    failure.skip();
    for (const { unit } of failure.items) this.#giveUp(unit);
  }

  #skip(failure: Failure): void {
    const { items, stage, error, attempts } = failure;
    const deadLetters = this.#deadLetters;
    if (deadLetters?.isOver) {
      this.#giveUpFailure(failure); // it would be lost
      return;
    }
    for (const { unit } of items) this.#failed += unit.weight;
    failure.skip();
    const at = Date.now();
    for (const item of items)
      if (deadLetters === undefined) this.settle(item.unit);
      else deadLetters.write(deadLetterOf(item, { error, stage: stage.name, attempts, at }), item.unit);
  }

  #stop(failure: Failure, error: unknown): void {
    if (this.#isGone(failure)) return;
    failure.stop(() => {
      const { stage, items, value } = failure;
      for (const { unit } of items) this.#failed += unit.weight;
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
      this.#input.cancel();
    }
    for (let i = from; i <= this.#cut; i++) for (const unit of this.#stages[i]!.abandon()) this.#giveUp(unit);
    this.#look();
  }

  /** Through the stages from `at` on, as far as it goes without waiting. */
  #advance(given: unknown, unit: Unit, at: number): void {
    const calls = this.#calls;
    const stages = this.#stages;
    const isFilter = this.#isFilter;
    let current = unit;
    let value = given;
    let i = at;
    const isSampled = --this.#untilSample === 0;
    if (isSampled) this.#untilSample = this.#in < FIRST_SAMPLES ? 1 : SAMPLE;
    for (;;) {
      let call = calls[i];
      if (call !== undefined && !isSampled) {
        const from = i;
        do {
          let result: unknown;
          try {
            result = call(value);
            if (typeof result === 'object' && result !== null && isThenable(result)) {
              this.#count(from, i, current.weight);
              (stages[i] as FunctionStage).promised(value, current, result, timers().clock.now());
              return;
            }
          } catch (error) {
            this.#count(from, i, current.weight);
            (stages[i] as FunctionStage).threw(value, current, error);
            return;
          }
          if (isFilter[i] ? !result : result === undefined) {
            this.#count(from, i, current.weight);
            this.#unmeasured[i]!++;
            const stage = stages[i] as FunctionStage;
            stage.in += current.weight;
            stage.drop(current);
            return;
          }
          if (!isFilter[i]) value = result;
          call = calls[++i];
        } while (call !== undefined);
        this.#count(from, i, current.weight);
      }
      if (i <= this.#cut) {
        this.#giveUp(current);
        return;
      }
      const stage = stages[i]!;
      value = stage.step(value, current);
      if (value === NOTHING) return;
      current = stage.unitOut;
      i++;
    }
  }

  /** Values of so much weight were led through the stages from `from` up to, and not into, stage `to`. */
  #count(from: number, to: number, weight: number): void {
    this.#steps[from]! += weight;
    this.#steps[to]! -= weight;
  }

  #release(unit: Unit, acknowledge: boolean): void {
    try {
      this.#liveBytes -= unit.release(acknowledge);
    } catch (error) {
      // The input's own acknowledge threw: nothing that follows can be acknowledged in its order.
      this.#stopAt(this.#stages.length - 1, new PipelineError('input', error, undefined));
    }
  }

  #giveUp(unit: Unit): void {
    if (this.#isOver) return;
    this.#live -= unit.weight;
    this.#release(unit, false);
    if (this.#live === 0 || this.#held > 0) this.#look();
  }

  /** Asks for more, gives what is held back where nothing can come to it any more, and sees the end. */
  #look(): void {
    if (this.#isOver) return;
    if (!this.#inputOver && this.#pauses === 0) this.#input.more();
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
    for (const stage of this.#stages) stage.abandon();
    this.#live = 0;
    this.#liveBytes = 0;
    this.#abort.abort(error);
    if (!wasOver) this.#input?.cancel();
    CancellationSource.detach(this);
    this.#reject(error);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    CancellationSource.detach(this);
    if (this.#failure !== undefined) this.#reject(this.#failure.error);
    else this.#resolve(this.#totals);
  }
}
