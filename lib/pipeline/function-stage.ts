/**
 * A stage that calls a function: parse, filter, transform.
 *
 * As long as the function returns values, a value passes in the call that brought it, and nothing is made for it. A promise, or a failed
 * call, makes an *entry*: from then on the stage keeps the order that the line was asked for.
 *
 * - `'input'`: entries stand in one row in the order of arrival. They run at the same time, up to the concurrency, and leave from the
 *   head of the row only, so what is ready behind one that isn't waits.
 * - `'key'`: entries of a key stand in a row of their own, and only the first runs.
 * - `'none'`: entries leave as they end.
 *
 * A value that finds an entry before it in its row becomes an entry too; that keeps the order in every case. A failed call keeps its
 * place in the row until it is decided what becomes of it.
 */
import { ValueQueue } from '../channel/value-queue.js';
import { timers } from '../waiting/timer-heap.js';
import { type Failure, NOTHING, Stage, type StageHost } from './stage.js';
import type { Item, Unit } from './unit.js';

/** @internal What a line keeps in order. */
export type Order = 'input' | 'key' | 'none';

/** @internal What becomes of what the function gave. */
export type Verdict = 'parse' | 'filter' | 'transform';

/** @internal */
export interface FunctionStageSettings {
  /** Calls under way at most. */
  readonly concurrency: number;
  readonly order: Order;
  /** Called when what it has under way is given up. */
  readonly onAbandon?: (() => void) | undefined;
}

const WAITING = 0;
const RUNNING = 1;
const DONE = 2;
/** Failed and skipped, or filtered out: its place in the row is passed over. */
const GONE = 3;

class Entry implements Item {
  readonly value: unknown;
  readonly unit: Unit;
  result: unknown = undefined;
  state: 0 | 1 | 2 | 3 = WAITING;
  attempts = 0;
  startedAt = 0;
  /** Called when it comes to the head of its row: the line stops here. */
  stop: (() => void) | undefined = undefined;

  constructor(value: unknown, unit: Unit) {
    this.value = value;
    this.unit = unit;
  }
}

/** @internal */
export class FunctionStage extends Stage {
  readonly #verdict: Verdict;
  readonly #call: (value: unknown) => unknown;
  readonly #concurrency: number;
  readonly #order: Order;
  readonly #onAbandon: (() => void) | undefined;
  /** Entries that may begin when another ends. */
  readonly #waiting = new ValueQueue<Entry>();
  /** `'input'`: all entries. */
  readonly #row = new ValueQueue<Entry>();
  /** `'key'`: the entries of each key that has any. */
  readonly #rows = new Map<unknown, ValueQueue<Entry>>();
  /** `'none'`: all entries. */
  readonly #loose = new Set<Entry>();
  #entries = 0;

  constructor(
    host: StageHost,
    settings: { name: string; index: number; before: Stage | undefined },
    verdict: Verdict,
    call: (value: unknown) => unknown,
    { concurrency, order, onAbandon }: FunctionStageSettings,
  ) {
    super(host, settings.name, settings.index, settings.before);
    this.#verdict = verdict;
    this.#call = call;
    this.#concurrency = concurrency;
    this.#order = order;
    this.#onAbandon = onAbandon;
  }

  step(value: unknown, unit: Unit): unknown {
    this.in += unit.weight;
    if (this.#entries > 0 && !this.#mayPass(unit)) {
      this.#enter(new Entry(value, unit));
      return NOTHING;
    }
    const isSampled = this.times.samples;
    const startedAt = isSampled ? performance.now() : 0;
    let result: unknown;
    try {
      result = this.#call(value);
    } catch (error) {
      this.#failedAtOnce(value, unit, error);
      return NOTHING;
    }
    if (isThenable(result)) {
      const entry = new Entry(value, unit);
      this.#join(entry);
      this.#follow(entry, result, timers().clock.now());
      return NOTHING;
    }
    if (isSampled) this.times.sampled(performance.now() - startedAt);
    return this.#judge(value, result, unit);
  }

  abandon(): Unit[] {
    const entries = [...this.#row.shiftMany(this.#row.length), ...this.#loose];
    for (const row of this.#rows.values()) entries.push(...row.shiftMany(row.length));
    this.#rows.clear();
    this.#loose.clear();
    this.#waiting.clear();
    this.#entries = 0;
    this.#onAbandon?.();
    this.running = 0;
    this.setQueued(0);
    const live = entries.filter(({ state }) => state !== GONE);
    for (const entry of entries) entry.state = GONE;
    return live.map(({ unit }) => unit);
  }

  /** Nothing before it in its row, and a place to run: the value needs no entry unless its function makes one. */
  #mayPass(unit: Unit): boolean {
    if (this.running >= this.#concurrency || this.#waiting.length > 0) return false;
    if (this.#order === 'none') return true;
    return this.#order === 'key' && !this.#rows.has(unit.key);
  }

  /** What comes of a result: the value for the next stage, or NOTHING. */
  #judge(value: unknown, result: unknown, unit: Unit): unknown {
    const isFilter = this.#verdict === 'filter';
    if (isFilter ? result : result !== undefined) {
      this.out += unit.weight;
      this.unitOut = unit;
      return isFilter ? value : result;
    }
    this.filtered += unit.weight;
    this.host.filtered(unit.weight);
    this.host.settle(unit);
    return NOTHING;
  }

  /** Puts an entry at the end of its row. Answers whether it is the first there. */
  #join(entry: Entry): boolean {
    this.#entries++;
    switch (this.#order) {
      case 'input':
        this.#row.push(entry);
        return this.#row.length === 1;
      case 'none':
        this.#loose.add(entry);
        return true;
      default: {
        const { key } = entry.unit;
        const row = this.#rows.get(key);
        if (row !== undefined) {
          row.push(entry);
          return false;
        }
        const made = new ValueQueue<Entry>();
        made.push(entry);
        this.#rows.set(key, made);
        return true;
      }
    }
  }

  #enter(entry: Entry): void {
    const isFirst = this.#join(entry);
    if (this.#order === 'key' && !isFirst)
      this.setQueued(this.queued + 1); // it begins when it is the first
    else this.#admit(entry);
  }

  /** It may run as soon as there is a place. */
  #admit(entry: Entry): void {
    if (this.running < this.#concurrency) this.#begin(entry);
    else {
      this.#waiting.push(entry);
      this.setQueued(this.queued + 1);
    }
  }

  #begin(entry: Entry): void {
    const startedAt = timers().clock.now();
    let result: unknown;
    try {
      result = this.#call(entry.value);
    } catch (error) {
      entry.attempts++;
      this.#failed(entry, error);
      return;
    }
    if (isThenable(result)) this.#follow(entry, result, startedAt);
    else {
      this.times.measured(timers().clock.now() - startedAt);
      entry.attempts++;
      this.#ended(entry, result);
    }
  }

  #follow(entry: Entry, result: PromiseLike<unknown>, startedAt: number): void {
    entry.state = RUNNING;
    entry.attempts++;
    this.running++;
    const over = (): boolean => {
      if (entry.state !== RUNNING) return false; // the line has given it up
      this.running--;
      this.times.measured(timers().clock.now() - startedAt);
      return true;
    };
    result.then(
      (value) => {
        if (over()) this.#ended(entry, value);
      },
      (error) => {
        if (over()) this.#failed(entry, error);
      },
    );
  }

  #ended(entry: Entry, result: unknown): void {
    entry.state = DONE;
    entry.result = result;
    this.#leave(entry);
    this.#beginWaiting();
  }

  /** Lets out what may leave because `entry` is over. */
  #leave(entry: Entry): void {
    switch (this.#order) {
      case 'input':
        this.#leaveFrom(this.#row);
        break;
      case 'none':
        if (!this.#loose.delete(entry)) return;
        this.#entries--;
        this.#finish(entry);
        break;
      default: {
        const { key } = entry.unit;
        const row = this.#rows.get(key);
        if (row === undefined) return;
        this.#leaveFrom(row);
        if (row.length === 0) {
          if (this.#rows.get(key) === row) this.#rows.delete(key);
        } else {
          const next = row.first;
          if (next.state === WAITING) {
            this.setQueued(this.queued - 1);
            this.#admit(next);
          }
        }
      }
    }
  }

  #leaveFrom(row: ValueQueue<Entry>): void {
    while (row.length > 0 && row.first.state >= DONE) {
      const entry = row.shift();
      this.#entries--;
      this.#finish(entry);
    }
  }

  #finish(entry: Entry): void {
    if (entry.stop !== undefined) {
      entry.stop();
      return;
    }
    if (entry.state !== DONE) return;
    const value = this.#judge(entry.value, entry.result, entry.unit);
    if (value !== NOTHING) this.host.pass(this.index, value, entry.unit);
  }

  #beginWaiting(): void {
    while (this.#waiting.length > 0 && this.running < this.#concurrency) {
      const entry = this.#waiting.shift();
      this.setQueued(this.queued - 1);
      this.#begin(entry);
    }
  }

  #failedAtOnce(value: unknown, unit: Unit, error: unknown): void {
    const entry = new Entry(value, unit);
    entry.attempts = 1;
    this.#join(entry);
    this.#failed(entry, error);
  }

  #failed(entry: Entry, error: unknown): void {
    entry.state = RUNNING; // it keeps its place
    const isGone = (): boolean => entry.state !== RUNNING;
    const failure: Failure = {
      stage: this,
      value: entry.value,
      items: [entry],
      error,
      attempts: entry.attempts,
      retry: () => {
        if (isGone()) return;
        entry.state = WAITING;
        this.#admit(entry);
        this.#beginWaiting();
      },
      skip: () => {
        if (isGone()) return;
        this.failed += entry.unit.weight;
        entry.state = GONE;
        this.#leave(entry);
        this.#beginWaiting();
      },
      stop: (now) => {
        if (isGone()) return;
        this.failed += entry.unit.weight;
        entry.stop = now;
        entry.state = DONE;
        this.#leave(entry);
      },
    };
    this.host.decide(failure);
  }
}

/** @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
