/**
 * The count of a WaitGroup across threads. A wait ends with its round: when the count becomes 0. The tasks of `go` are noted in their
 * thread's seat; when that thread dies, they are taken off the count, and the round is spoilt: its waits reject.
 */

import { checkHandle, makeHandle, type SharedHandle } from '../../memory/handle.js';
import { endOf, type OpenEnd } from '../../memory/open-ends.js';
import { Waker } from '../../memory/waker.js';
import { checkInteger } from '../../validate.js';
import { type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { charge, readyVoid } from '../../waiting/turn-budget.js';
import { NegativeCounterError, TasksLostError } from '../local/sync-error.js';
import type { TaskCount } from '../local/task-count.js';
import { LockWaiter, park, WaitQueue } from '../local/wait-queue.js';
import { LockLine } from './lock-line.js';
import { LockMemory } from './lock-memory.js';
import {
  countOf,
  MAX_COUNT,
  nextRound,
  ROUND_BYTES,
  type RoundState,
  RoundWords,
  roundBefore,
  roundOf,
  SHARE,
  STATE,
  withCount,
} from './round-words.js';

class RoundWaiter extends LockWaiter {
  readonly round: number;

  constructor(round: number) {
    super();
    this.round = round;
  }
}

/** The state after `count` was reached: 0 ends the round. */
const reached = (state: RoundState, count: number): RoundState =>
  count === 0 ? nextRound(state) : withCount(state, count);

function sweepSeats(words: RoundWords): void {
  let ended = false;
  words.sweepSeats((seat, dead) => {
    while (words.words[seat + SHARE] !== 0) {
      const { state } = words;
      words.spoil(state, dead);
      const next = reached(state, Math.max(0, countOf(state) - words.words[seat + SHARE]!));
      if (Atomics.compareExchange(words.long, STATE, state, next) === state) words.words[seat + SHARE] = 0;
      ended ||= countOf(next) === 0;
    }
  });
  if (ended) words.waiters.wakeAll();
}

/** @internal */
export class SharedTaskCount extends WaitQueue<RoundWaiter> implements TaskCount, OpenEnd {
  readonly #memory: LockMemory;
  readonly #words: RoundWords;
  readonly #line: LockLine;

  static create(): SharedTaskCount {
    return SharedTaskCount.#of(LockMemory.create('wait-group', 0, ROUND_BYTES));
  }

  /** @throws InvalidArgTypeError, SharedMemoryError */
  static open(handle: unknown): SharedTaskCount {
    return SharedTaskCount.#of(new LockMemory('wait-group', checkHandle('wait-group', handle)));
  }

  static #of(memory: LockMemory): SharedTaskCount {
    return endOf('lock', memory.name, () => {
      const words = new RoundWords(memory, sweepSeats);
      return { end: new SharedTaskCount(memory, words), leave: (reopened) => words.leave(reopened) };
    });
  }

  private constructor(memory: LockMemory, words: RoundWords) {
    super();
    this.#memory = memory;
    this.#words = words;
    this.#line = new LockLine(this, words.waiters);
  }

  get handle(): SharedHandle<'wait-group'> {
    return makeHandle('wait-group', this.#memory.region);
  }

  get count(): number {
    return countOf(this.#words.state);
  }

  addTasks(delta: number): void {
    this.#add(delta, 0);
  }

  begin(): void {
    this.#add(1, 1);
  }

  end(): void {
    this.#add(-1, -1);
  }

  /** @param own - how many of them are tasks that end with this thread */
  #add(delta: number, own: number): void {
    const { words, long, seat } = this.#words;
    for (;;) {
      const { state } = this.#words;
      const count = countOf(state) + delta;
      if (count < 0) throw new NegativeCounterError(count);
      checkInteger('the count', count, 0, MAX_COUNT);
      const next = count === 0 && delta === 0 ? state : reached(state, count);
      if (Atomics.compareExchange(long, STATE, state, next) !== state) continue;
      words[seat + SHARE]! += own;
      if (count === 0 && delta !== 0) this.#roundEnded();
      return;
    }
  }

  #roundEnded(): void {
    this.#words.waiters.wakeAll();
    this.look();
    if (this.first === undefined) Waker.get().remove(this.#line);
  }

  wait(options: WaitOptions | undefined, owner: object): Promise<void> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const { state } = this.#words;
    if (countOf(state) === 0) {
      const dead = this.#words.spoiltBy(roundBefore(roundOf(state)));
      return dead === undefined ? readyVoid() : Promise.reject(new TasksLostError(dead));
    }
    const ended = park<void>(this, new RoundWaiter(roundOf(state)), source, owner, 'WaitGroup.wait');
    Waker.get().add(this.#line);
    return ended;
  }

  /** Ends the waits whose round is over. True: none is left. */
  look(): boolean {
    const { state } = this.#words;
    const turn = this.first !== undefined && this.first.round !== roundOf(state) ? charge(1) : undefined;
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      if (waiter.round === roundOf(state)) return false; // those behind it came later
      WaitQueue.remove(waiter);
      const dead = this.#words.spoiltBy(waiter.round);
      if (dead === undefined) waiter.resolve(undefined, turn);
      else waiter.reject(new TasksLostError(dead), turn);
    }
    return true;
  }

  override waiterLeft(): void {
    if (this.first === undefined) Waker.get().remove(this.#line);
  }

  sweep(): void {
    sweepSeats(this.#words);
    this.look();
  }
}
