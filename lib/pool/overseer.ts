/**
 * Ends workers whose tasks do not stop when their time is over, for tasks that other workers' handlers have submitted.
 *
 * Their owners give such tasks up by themselves. But an owner may be the very worker whose handler runs on and on, so that none of its
 * timers fires. The pool's maker looks at the slots instead, for as long as there are tasks with limits in them.
 */
import { Alarm } from '../waiting/alarm.js';
import type { Crew } from './crew.js';
import { millisSince } from './messages.js';
import {
  BEGAN_AT,
  DUE_AT,
  FLAG_ABORTED,
  FLAG_DUE,
  FLAG_LIMITED,
  FREE,
  HANDLER,
  KIND_MASK,
  MAKER,
  type PoolMemory,
  RUNNING,
  STATE,
  WATCHED,
  WORKER_MASK,
  WORKER_SHIFT,
} from './pool-memory.js';

/** A worker has put a task with a limit into a slot. True: the maker does not look after them, and has to be told. */
export function asksForWatch(memory: PoolMemory): boolean {
  return Atomics.exchange(memory.control, WATCHED, 1) === 0;
}

/** @internal */
export class Overseer {
  readonly #memory: PoolMemory;
  readonly #crew: Crew;
  readonly #epoch: number;
  readonly #taskTimeout: number;
  readonly #graceMs: number;
  readonly #alarm = new Alarm(() => this.#look());

  constructor(
    memory: PoolMemory,
    epoch: number,
    { taskTimeout, graceMs }: { taskTimeout: number; graceMs: number },
    crew: Crew,
  ) {
    this.#memory = memory;
    this.#crew = crew;
    this.#epoch = epoch;
    this.#taskTimeout = taskTimeout;
    this.#graceMs = graceMs;
  }

  watch(): void {
    if (!this.#alarm.isSet) this.#alarm.set(Math.max(5, Math.min(1000, this.#graceMs / 4)));
  }

  stop(): void {
    this.#alarm.clear();
  }

  #look(): void {
    const { control, maker, slotEnd } = this.#memory;
    // Before looking: a task that comes meanwhile is either seen, or its owner says so again.
    Atomics.exchange(control, WATCHED, 0);
    let isLimited = false;
    for (let slot = maker.slotCount; slot < slotEnd; slot++) if (this.#lookAt(slot)) isLimited = true;
    if (!isLimited) return;
    Atomics.store(control, WATCHED, 1);
    this.watch();
  }

  /** Whether there is a task with a limit in the slot. */
  #lookAt(slot: number): boolean {
    const { words } = this.#memory;
    const at = this.#memory.slotAt(slot);
    const state = Atomics.load(words, at + STATE);
    if ((state & KIND_MASK) === FREE || this.#memory.ownerOf(slot) === MAKER) return false;
    const flags = Atomics.load(words, at + HANDLER);
    if ((flags & (FLAG_LIMITED | FLAG_DUE)) === 0) return false;
    if ((state & KIND_MASK) !== RUNNING) return true;
    const isOver = (flags & FLAG_DUE) !== 0 && this.#since(at + DUE_AT) >= this.#graceMs;
    const ranTooLong =
      (flags & FLAG_LIMITED) !== 0 && this.#since(at + BEGAN_AT) >= this.#taskTimeout + this.#graceMs;
    // The same task as at first.
    if ((isOver || ranTooLong) && Atomics.load(words, at + STATE) === state) {
      const why = isOver && (flags & FLAG_ABORTED) !== 0 ? 'aborted' : 'timeout';
      this.#crew.at((state >>> WORKER_SHIFT) & WORKER_MASK)?.terminate(why);
    }
    return true;
  }

  /** ms since the moment in a slot's word; -Infinity when there is none. */
  #since(word: number): number {
    const moment = Atomics.load(this.#memory.words, word);
    return moment === 0 ? -Infinity : (millisSince(this.#epoch) - moment) | 0;
  }
}
