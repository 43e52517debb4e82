/**
 * A stage that calls a function: parse, filter, transform.
 *
 * As long as the function returns values, the line calls it itself, for a run of such stages in one loop, and nothing is made for a value. A
 * promise, or a failed call, makes an *entry*: from then on values come by `step`, and the stage keeps the order that the line was
 * asked for. Once the failed call is settled the line calls the function itself again; a stage that has seen a promise expects more.
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
  /** Each call returns a promise. */
  readonly isAsync: boolean;
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
  /** It was the first of its key, and waits for a place to run. */
  isAdmitted = false;
  /** Called when it comes to the head of its row: the line stops here. */
  stop: (() => void) | undefined = undefined;

  constructor(value: unknown, unit: Unit) {
    this.value = value;
    this.unit = unit;
  }
}

/** @internal */
export class FunctionStage extends Stage {
  readonly isFilter: boolean;
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
  #isAsync: boolean;
  #isAbandoned = false;
  /** Entries are being begun: one that ends at once leaves the next one to the loop that runs. */
  #isBeginning = false;

  constructor(
    host: StageHost,
    settings: { name: string; index: number; before: Stage | undefined },
    verdict: Verdict,
    call: (value: unknown) => unknown,
    { isAsync, concurrency, order, onAbandon }: FunctionStageSettings,
  ) {
    super(host, settings.name, settings.index, settings.before);
    this.isFilter = verdict === 'filter';
    this.#call = call;
    this.#isAsync = isAsync;
    this.#concurrency = concurrency;
    this.#order = order;
    this.#onAbandon = onAbandon;
    this.#openOrShut();
  }

  step(value: unknown, unit: Unit): unknown {
    if (this.#entries > 0 && !this.#mayPass(unit)) {
      this.in += unit.weight;
      this.#enter(new Entry(value, unit));
      return NOTHING;
    }
    const call = this.#call;
    const startedAt = timers().clock.now();
    let result: unknown;
    try {
      result = call(value);
      if (isThenable(result)) {
        this.promised(value, unit, result, startedAt);
        return NOTHING;
      }
    } catch (error) {
      this.threw(value, unit, error);
      return NOTHING;
    }
    this.times.direct(timers().clock.now() - startedAt);
    this.in += unit.weight;
    return this.#judge(value, result, unit);
  }

  // What becomes of a call that the line has made itself, or `step`.

  /** It returned a promise. */
  promised(value: unknown, unit: Unit, result: PromiseLike<unknown>, startedAt: number): void {
    this.in += unit.weight;
    this.#isAsync = true;
    const entry = new Entry(value, unit);
    this.#join(entry);
    this.#follow(entry, result, startedAt);
  }

  threw(value: unknown, unit: Unit, error: unknown): void {
    this.in += unit.weight;
    const entry = new Entry(value, unit);
    entry.attempts = 1;
    this.#join(entry);
    this.#failed(entry, error);
  }

  /** The value is filtered out. */
  drop(unit: Unit): void {
    this.filtered += unit.weight;
    this.host.filtered(unit.weight);
    this.host.settle(unit);
  }

  abandon(): Unit[] {
    const entries = [...this.#row.shiftMany(this.#row.length), ...this.#loose];
    for (const row of this.#rows.values()) entries.push(...row.shiftMany(row.length));
    this.#rows.clear();
    this.#loose.clear();
    this.#waiting.clear();
    this.#entries = 0;
    this.#isAbandoned = true;
    this.#openOrShut();
    this.running = 0;
    this.setQueued(0);
    const live = entries.filter(({ state }) => state !== GONE);
    for (const entry of entries) entry.state = GONE;
    this.#onAbandon?.();
    return live.map(({ unit }) => unit);
  }

  /** Values may go past `step` while none of them can meet an entry. */
  #openOrShut(): void {
    const isOpen = this.#entries === 0 && !this.#isAsync && !this.#isAbandoned;
    this.host.setCall(this.index, isOpen ? this.#call : undefined);
  }

  /** Nothing before it in its row, and a place to run: the value needs no entry unless its function makes one. */
  #mayPass(unit: Unit): boolean {
    if (this.running >= this.#concurrency || this.#waiting.length > 0) return false;
    if (this.#order === 'none') return true;
    return this.#order === 'key' && !this.#rows.has(unit.key);
  }

  /** What comes of a result: the value for the next stage, or NOTHING. */
  #judge(value: unknown, result: unknown, unit: Unit): unknown {
    if (this.isFilter ? result : result !== undefined) {
      this.out += unit.weight;
      this.unitOut = unit;
      return this.isFilter ? value : result;
    }
    this.drop(unit);
    return NOTHING;
  }

  /** Puts an entry at the end of its row. Answers whether it is the first there. */
  #join(entry: Entry): boolean {
    if (this.#entries++ === 0) this.#openOrShut();
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
    if (this.running < this.#concurrency && this.#waiting.length === 0) this.#begin(entry);
    else {
      this.#waiting.push(entry);
      this.setQueued(this.queued + 1);
    }
  }

  #begin(entry: Entry): void {
    const call = this.#call;
    const startedAt = timers().clock.now();
    let result: unknown;
    try {
      result = call(entry.value);
      if (isThenable(result)) {
        this.#follow(entry, result, startedAt);
        return;
      }
    } catch (error) {
      entry.attempts++;
      this.#failed(entry, error);
      return;
    }
    this.times.direct(timers().clock.now() - startedAt);
    entry.attempts++;
    this.#ended(entry, result);
  }

  #follow(entry: Entry, result: PromiseLike<unknown>, startedAt: number): void {
    // First: a thenable of the program's may throw here.
    const promise = Promise.resolve(result);
    entry.state = RUNNING;
    entry.attempts++;
    this.running++;
    const over = (): boolean => {
      if (entry.state !== RUNNING) return false; // the line has given it up
      this.running--;
      this.times.promised(timers().clock.now() - startedAt);
      return true;
    };
    promise.then(
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
        if (this.#loose.delete(entry)) this.#finish(entry);
        break;
      default: {
        const { key } = entry.unit;
        const row = this.#rows.get(key);
        if (row === undefined) return;
        this.#leaveFrom(row);
        if (row.length === 0) {
          if (this.#rows.get(key) === row) this.#rows.delete(key);
        } else if (row.first.state === WAITING && !row.first.isAdmitted) {
          row.first.isAdmitted = true;
          this.#waiting.push(row.first); // it is counted as queued already
        }
      }
    }
  }

  #leaveFrom(row: ValueQueue<Entry>): void {
    while (row.length > 0 && row.first.state >= DONE) this.#finish(row.shift());
  }

  #finish(entry: Entry): void {
    if (--this.#entries === 0) this.#openOrShut();
    if (entry.stop !== undefined) {
      entry.stop();
      return;
    }
    if (entry.state !== DONE) return;
    const value = this.#judge(entry.value, entry.result, entry.unit);
    if (value !== NOTHING) this.host.pass(this.index, value, entry.unit);
  }

  #beginWaiting(): void {
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    while (this.#waiting.length > 0 && this.running < this.#concurrency) {
      const entry = this.#waiting.shift();
      this.setQueued(this.queued - 1);
      this.#begin(entry);
    }
    this.#isBeginning = false;
  }

  #failed(entry: Entry, error: unknown): void {
    entry.state = RUNNING; // it keeps its place
    const { attempts } = entry;
    const isOpen = (): boolean => entry.state === RUNNING && entry.attempts === attempts;
    const failure: Failure = {
      stage: this,
      value: entry.value,
      items: [entry],
      error,
      attempts,
      get isOpen() {
        return isOpen();
      },
      retry: () => {
        if (!isOpen()) return;
        entry.state = WAITING;
        // Before those that wait: what stands behind it can't leave without it.
        if (this.running < this.#concurrency) this.#begin(entry);
        else this.#admit(entry);
        this.#beginWaiting();
      },
      skip: () => {
        if (!isOpen()) return;
        this.failed += entry.unit.weight;
        entry.state = GONE;
        this.#leave(entry);
        this.#beginWaiting();
      },
      stop: (now) => {
        if (!isOpen()) return;
        this.failed += entry.unit.weight;
        entry.stop = now;
        entry.state = DONE;
        this.#leave(entry);
        this.#beginWaiting(); // one before it may be about to be called again
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
