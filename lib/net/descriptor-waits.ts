/**
 * Who waits for which of the program's descriptors, in one thread: any number of waiters for each.
 *
 * The driver reports a descriptor once for each time that it is asked, so one that is ready while nobody asks costs nothing.
 * Its report is a hint: what holds, and for whom, is looked up then.
 */
import { constants } from 'node:os';
import type { LoopedDriver } from '../platform/sockets.js';

/** How often descriptors that are waited for are looked after: the system says nothing when one is closed. */
const CHECK_MS = 1000;

export interface DescriptorWaiter {
  readonly fd: number;
  /** Bits of lib/platform/sockets.ts. */
  readonly interest: number;
  /** What of its interest holds. It leaves, or is told again. */
  ready(readiness: number): void;
  /** It can't be waited for, says an errno value. The waiter leaves. */
  failed(errno: number): void;
}

type Waiters = Set<DescriptorWaiter>;

function interestOf(waiters: Waiters): number {
  let interest = 0;
  for (const waiter of waiters) interest |= waiter.interest;
  return interest;
}

export class DescriptorWaits {
  readonly #driver: LoopedDriver;
  readonly #byDescriptor = new Map<number, Waiters>();
  /** The descriptor whose waiters are being told: the driver has done with it, and does not watch it now. */
  #telling = -1;
  #checking: NodeJS.Timeout | undefined;

  constructor(driver: LoopedDriver) {
    this.#driver = driver;
  }

  /** What of `interest` holds for `fd` now, or an errno value negated. */
  look(fd: number, interest: number): number {
    return this.#driver.lookAtDescriptor(fd, interest);
  }

  /** Why `fd` can't be waited for, as an errno value; 0: it can. */
  refusal(fd: number, interest: number): number {
    if (this.#byDescriptor.has(fd)) return Math.max(0, -this.look(fd, interest));
    const error = this.#driver.watchDescriptor(fd, interest);
    if (error === 0) this.#driver.unwatchDescriptor(fd);
    return error;
  }

  /** `waiter` hears when its descriptor is ready, until it is removed; that it can't be waited for, it may hear at once. */
  add(waiter: DescriptorWaiter): void {
    let waiters = this.#byDescriptor.get(waiter.fd);
    if (waiters === undefined) {
      waiters = new Set();
      this.#byDescriptor.set(waiter.fd, waiters);
    }
    waiters.add(waiter);
    this.#checking ??= setInterval(() => this.#check(), CHECK_MS).unref();
    this.#ask(waiter.fd, waiters);
  }

  remove(waiter: DescriptorWaiter): void {
    const { fd } = waiter;
    const waiters = this.#byDescriptor.get(fd);
    if (!waiters?.delete(waiter) || waiters.size > 0) return; // one that asked for more than the others now ask does no harm
    this.#byDescriptor.delete(fd);
    if (fd !== this.#telling) this.#driver.unwatchDescriptor(fd);
    if (this.#byDescriptor.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }

  /** The driver's report. */
  ready(fd: number): void {
    const waiters = this.#byDescriptor.get(fd);
    if (waiters === undefined) return;
    this.#telling = fd;
    for (const waiter of [...waiters]) {
      if (!waiters.has(waiter)) continue; // another case of a select that has ended
      const found = this.look(fd, waiter.interest);
      if (found < 0) waiter.failed(-found);
      else if (found > 0) waiter.ready(found);
    }
    this.#telling = -1;
    if (waiters.size > 0) this.#ask(fd, waiters);
  }

  #ask(fd: number, waiters: Waiters): void {
    this.#failIf(this.#driver.watchDescriptor(fd, interestOf(waiters)), waiters);
  }

  #check(): void {
    for (const [fd, waiters] of this.#byDescriptor) {
      if (this.#driver.stillWatched(fd, interestOf(waiters)) !== 0)
        this.#failIf(constants.errno.EBADF, waiters);
    }
  }

  #failIf(errno: number, waiters: Waiters): void {
    if (errno === 0) return;
    for (const waiter of [...waiters]) waiter.failed(errno);
  }
}
