/**
 * Connecting to whichever of several addresses answers first: "Happy Eyeballs", RFC 8305.
 *
 * An address that refuses is cheap, one that is silent costs the system's whole timeout, minutes. So the next attempt begins when the
 * one before has failed, or has been silent for a moment; the first that succeeds wins, and the others are called off.
 */
import { Alarm } from '../waiting/alarm.js';

/** One attempt, under way. */
export interface Attempt<C> {
  /** Rejects when it failed. */
  readonly outcome: Promise<C>;
  /** It is not wanted any more. `outcome` may settle all the same. */
  callOff(): void;
}

/** "Connection Attempt Delay", RFC 8305 section 5. */
const ATTEMPT_DELAY_MS = 250;

export class ConnectionRace<A, C> {
  readonly #addresses: readonly A[];
  readonly #begin: (address: A) => Attempt<C>;
  readonly #running = new Set<Attempt<C>>();
  readonly #failures: unknown[] = [];
  readonly #next: Alarm;
  #begun = 0;
  #over = false;
  #resolve!: (winner: C) => void;
  #reject!: (failures: unknown[]) => void;
  /** Rejects with what each attempt failed with, in the order in which they failed. Does not settle after `callOff`. */
  readonly winner: Promise<C>;

  constructor(addresses: readonly A[], begin: (address: A) => Attempt<C>, delayMs = ATTEMPT_DELAY_MS) {
    this.#addresses = addresses;
    this.#begin = begin;
    // The attempt under way keeps the process alive.
    this.#next = new Alarm(() => this.#beginNext(delayMs));
    this.winner = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#beginNext(delayMs);
  }

  callOff(): void {
    if (this.#over) return;
    this.#over = true;
    this.#next.clear();
    for (const attempt of this.#running) attempt.callOff();
  }

  #beginNext(delayMs: number): void {
    while (!this.#over && this.#begun < this.#addresses.length) {
      let attempt: Attempt<C>;
      try {
        attempt = this.#begin(this.#addresses[this.#begun++]!);
      } catch (error) {
        this.#failures.push(error);
        continue; // refused at once, such as ENETUNREACH: nothing to wait for
      }
      this.#running.add(attempt);
      if (this.#begun < this.#addresses.length) this.#next.set(delayMs);
      attempt.outcome.then(
        (winner) => this.#won(attempt, winner),
        (error: unknown) => this.#failed(attempt, error, delayMs),
      );
      return;
    }
    this.#loseWhenNoneIsLeft();
  }

  #won(attempt: Attempt<C>, winner: C): void {
    this.#running.delete(attempt);
    if (this.#over) {
      attempt.callOff(); // second to arrive
      return;
    }
    this.callOff();
    this.#resolve(winner);
  }

  #failed(attempt: Attempt<C>, error: unknown, delayMs: number): void {
    this.#running.delete(attempt);
    if (this.#over) return;
    this.#failures.push(error);
    if (this.#begun < this.#addresses.length) this.#beginNext(delayMs);
    else this.#loseWhenNoneIsLeft();
  }

  #loseWhenNoneIsLeft(): void {
    if (this.#over || this.#running.size > 0 || this.#begun < this.#addresses.length) return;
    this.#over = true;
    this.#reject(this.#failures);
  }
}

/**
 * The families by turns, beginning with the one that the resolver put first; within a family in the resolver's order: RFC 8305
 * section 4. So a broken IPv6 costs one delay, however many IPv6 addresses there are.
 */
export function interleaveFamilies<A>(addresses: readonly A[], familyOf: (address: A) => unknown): A[] {
  const first = addresses.filter((address) => familyOf(address) === familyOf(addresses[0]!));
  const others = addresses.filter((address) => familyOf(address) !== familyOf(addresses[0]!));
  const order: A[] = [];
  for (let i = 0; i < Math.max(first.length, others.length); i++)
    order.push(...first.slice(i, i + 1), ...others.slice(i, i + 1));
  return order;
}
