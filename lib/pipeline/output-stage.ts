/**
 * The last stage: gathers what is ready, writes it, and settles it when the output has acknowledged it.
 *
 * One write is under way at a time, so order is kept, and what becomes ready meanwhile makes the next one larger. A write that failed
 * is still the one under way until it is decided what becomes of it.
 */
import { ValueQueue } from '../channel/value-queue.js';
import { timers } from '../waiting/timer-heap.js';
import { isThenable } from './function-stage.js';
import type { OutputCall, OutputSink } from './output.js';
import { type Failure, NOTHING, Stage, type StageHost } from './stage.js';
import { type Item, PLAIN, type Unit } from './unit.js';

/** Values of one write, unless `.batch()` says otherwise. */
const MAX_VALUES = 256;

/** Values of one write, from when the first is ready. */
class Write {
  readonly values: unknown[] = [];
  /** Empty while all are plain, else one for each value. */
  readonly units: Unit[] = [];
  /** It is one value, which `.batch()` has made. */
  readonly isGroup: boolean;
  weight = 0;
  attempts = 0;

  constructor(isGroup: boolean) {
    this.isGroup = isGroup;
  }

  add(value: unknown, unit: Unit): void {
    if (unit !== PLAIN || this.units.length > 0) {
      while (this.units.length < this.values.length) this.units.push(PLAIN);
      this.units.push(unit);
    }
    this.values.push(value);
    this.weight += unit.weight;
  }

  get items(): Item[] {
    return this.values.map((value, i) => ({ value, unit: this.units[i] ?? PLAIN }));
  }
}

/** @internal */
export class OutputStage extends Stage {
  readonly #sink: OutputSink<unknown>;
  readonly #call: OutputCall;
  /** What comes after the write under way. */
  readonly #writes = new ValueQueue<Write>();
  /** The last of these, while values can be added to it. */
  #open: Write | undefined;
  #writing: Write | undefined;
  #isScheduled = false;
  readonly #flushLater = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  constructor(
    host: StageHost,
    settings: { index: number; before: Stage | undefined },
    sink: OutputSink<unknown>,
    signal: AbortSignal,
  ) {
    super(host, 'output', settings.index, settings.before);
    this.#sink = sink;
    this.#call = { signal };
  }

  step(value: unknown, unit: Unit): unknown {
    this.in += unit.weight;
    let write = this.#open;
    if (write === undefined || unit.members !== undefined) {
      write = new Write(unit.members !== undefined);
      this.#writes.push(write);
    }
    write.add(value, unit);
    this.#open = write.isGroup || write.values.length === MAX_VALUES ? undefined : write;
    this.queued += unit.weight;
    if (this.#writing !== undefined) this.before?.times.blocked(true);
    else this.#schedule(); // what else comes in this turn goes out with it
    return NOTHING;
  }

  abandon(): Unit[] {
    const writes = this.#writes.shiftMany(this.#writes.length);
    if (this.#writing !== undefined) writes.unshift(this.#writing);
    this.#writing = undefined;
    this.#open = undefined;
    this.running = 0;
    this.setQueued(0);
    return writes.flatMap(({ items }) => items.map(({ unit }) => unit));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.#flushLater);
  }

  #flush(): void {
    while (this.#writing === undefined && this.#writes.length > 0) {
      const write = this.#writes.shift();
      if (write === this.#open) this.#open = undefined;
      this.#write(write);
    }
    this.before?.times.blocked(this.#writing !== undefined && this.queued > 0);
  }

  #write(write: Write): void {
    this.#writing = write;
    if (write.attempts++ === 0) this.queued -= write.weight;
    this.running = write.weight;
    const { values } = write;
    const isTakenApart = write.isGroup && !this.#sink.takesGroups && Array.isArray(values[0]);
    const startedAt = timers().clock.now();
    let result: unknown;
    try {
      // A copy: an output may empty what it is given, and then fail.
      const given = this.#sink.write((isTakenApart ? (values[0] as unknown[]) : values).slice(), this.#call);
      if (isThenable(given)) result = Promise.resolve(given);
    } catch (error) {
      this.#failed(write, error);
      return;
    }
    if (result === undefined) {
      this.#written(write, startedAt);
      return;
    }
    (result as Promise<unknown>).then(
      () => {
        if (this.#written(write, startedAt)) this.#flush();
      },
      (error) => this.#failed(write, error),
    );
  }

  /** Answers whether anybody still waited for it. */
  #written(write: Write, startedAt: number): boolean {
    if (this.#writing !== write) return false;
    this.#over();
    this.times.promised(timers().clock.now() - startedAt);
    this.out += write.weight;
    this.host.settleAll(write.units, write.weight);
    return true;
  }

  #over(): void {
    this.#writing = undefined;
    this.running = 0;
  }

  #failed(write: Write, error: unknown): void {
    const isOpen = (): boolean => this.#writing === write;
    if (!isOpen()) return;
    const { values, items } = write;
    const failure: Failure = {
      stage: this,
      value: values.length === 1 ? values[0] : values,
      items,
      error,
      attempts: write.attempts,
      get isOpen() {
        return isOpen();
      },
      retry: () => {
        if (!isOpen()) return;
        this.#write(write);
        this.#flush();
      },
      skip: () => {
        if (!isOpen()) return;
        this.failed += write.weight;
        this.#over();
        this.#schedule();
      },
      stop: (now) => {
        if (!isOpen()) return;
        this.failed += write.weight;
        this.#over();
        now();
      },
    };
    this.host.decide(failure);
  }
}
