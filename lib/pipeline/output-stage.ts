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
import type { Item, Unit } from './unit.js';

/** Values of one write, unless `.batch()` says otherwise. */
const MAX_VALUES = 256;

interface Write {
  /** What the output gets. */
  readonly values: readonly unknown[];
  readonly items: readonly Item[];
  readonly weight: number;
  attempts: number;
}

/** @internal */
export class OutputStage extends Stage {
  readonly #sink: OutputSink<unknown>;
  readonly #call: OutputCall;
  readonly #queue = new ValueQueue<Item>();
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
    this.#queue.push({ value, unit });
    if (this.#writing !== undefined) this.setQueued(this.#queue.length);
    else {
      this.queued = this.#queue.length;
      if (!this.#isScheduled) {
        // What else comes in this turn goes out with it.
        this.#isScheduled = true;
        queueMicrotask(this.#flushLater);
      }
    }
    return NOTHING;
  }

  abandon(): Unit[] {
    const items = [...(this.#writing?.items ?? []), ...this.#queue.shiftMany(this.#queue.length)];
    this.#writing = undefined;
    this.running = 0;
    this.setQueued(0);
    return items.map(({ unit }) => unit);
  }

  #flush(): void {
    while (this.#writing === undefined && this.#queue.length > 0) {
      const items = this.#nextItems();
      this.setQueued(this.#queue.length);
      this.#write({ values: this.#valuesOf(items), items, weight: weightOf(items), attempts: 0 });
    }
  }

  /** A group alone, or what is ready up to the next one. */
  #nextItems(): Item[] {
    const queue = this.#queue;
    const items = [queue.shift()];
    if (items[0]!.unit.members !== undefined) return items;
    while (items.length < MAX_VALUES && queue.length > 0 && queue.first.unit.members === undefined)
      items.push(queue.shift());
    return items;
  }

  #valuesOf(items: readonly Item[]): readonly unknown[] {
    const [first] = items;
    const isGroup = first!.unit.members !== undefined && Array.isArray(first!.value);
    return isGroup && !this.#sink.takesGroups ? (first!.value as unknown[]) : items.map(({ value }) => value);
  }

  #write(write: Write): void {
    this.#writing = write;
    this.running = write.weight;
    write.attempts++;
    const startedAt = timers().clock.now();
    let result: unknown;
    try {
      result = this.#sink.write(write.values, this.#call);
    } catch (error) {
      this.#failed(write, error);
      return;
    }
    if (!isThenable(result)) {
      this.#written(write, startedAt);
      return;
    }
    result.then(
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
    this.times.measured(timers().clock.now() - startedAt);
    this.out += write.weight;
    for (const { unit } of write.items) this.host.settle(unit);
    return true;
  }

  #over(): void {
    this.#writing = undefined;
    this.running = 0;
  }

  #failed(write: Write, error: unknown): void {
    const end = (then: () => void): void => {
      if (this.#writing !== write) return;
      then();
    };
    if (this.#writing !== write) return;
    const failure: Failure = {
      stage: this,
      value: write.values.length === 1 && write.items.length === 1 ? write.values[0] : write.values,
      items: write.items,
      error,
      attempts: write.attempts,
      retry: () =>
        end(() => {
          this.#write(write);
          this.#flush();
        }),
      skip: () =>
        end(() => {
          this.failed += write.weight;
          this.#over();
          if (!this.#isScheduled) {
            this.#isScheduled = true;
            queueMicrotask(this.#flushLater);
          }
        }),
      stop: (now) =>
        end(() => {
          this.failed += write.weight;
          this.#over();
          now();
        }),
    };
    this.host.decide(failure);
  }
}

function weightOf(items: readonly Item[]): number {
  let weight = 0;
  for (const { unit } of items) weight += unit.weight;
  return weight;
}
