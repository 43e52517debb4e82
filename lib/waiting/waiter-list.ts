/**
 * Who waits for something, in the order of arrival: the one list of waiters of channels, locks and sockets.
 *
 * A waiter brings its links along, so joining and leaving are O(1) and allocate nothing. What may cancel it keeps it in a list of
 * its own beside this one (cancellation.ts).
 */

/** What {@link WaiterList} keeps: a class that implements it starts the links with `undefined` and leaves them to the list. */
export interface Waiter {
  /** The list that it is in. */
  list: WaiterList<Waiter> | undefined;
  previous: Waiter | undefined;
  next: Waiter | undefined;
}

/** Who must know whether anybody waits: a timer, for example, that need not run for nobody. */
export interface WaiterListOwner {
  /** The list got its first waiter. */
  waitersCame(): void;
  /** The list lost its last waiter. */
  waitersLeft(): void;
  /** Takes back what it told other threads for its first waiter. False: one of them has acted on that already. */
  hold?(): boolean;
  /** Tells them again. */
  resume?(): void;
}

/** Waiters, first come first served. */
export class WaiterList<W extends Waiter> {
  /** Who has waited longest. */
  first: W | undefined = undefined;
  #last: W | undefined = undefined;
  readonly owner: WaiterListOwner | undefined;

  constructor(owner?: WaiterListOwner) {
    this.owner = owner;
  }

  add(waiter: W): void {
    const last = this.#last;
    waiter.list = this as unknown as WaiterList<Waiter>;
    this.#last = waiter;
    if (last === undefined) {
      this.first = waiter;
      this.owner?.waitersCame();
    } else {
      last.next = waiter;
      waiter.previous = last;
    }
  }

  /** Takes `waiter` out of the list that it is in, if any. */
  static remove(waiter: Waiter): void {
    if (waiter.list !== undefined) waiter.list.#unlink(waiter);
  }

  /** Takes out who has waited longest. */
  shift(): W | undefined {
    const { first } = this;
    if (first !== undefined) this.#unlink(first);
    return first;
  }

  #unlink(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.first = next as W | undefined;
    else previous.next = next;
    if (next === undefined) this.#last = previous as W | undefined;
    else next.previous = previous;
    waiter.list = undefined;
    waiter.previous = undefined;
    waiter.next = undefined;
    if (this.first === undefined) this.owner?.waitersLeft();
  }
}
