// The least that can be called a channel across threads, of numbers: a slot queue, a wait set at each end, and this
// thread's waker. What parking is tested with.
import { SlotQueue } from '../../dist/memory/slot-queue.js';
import { WaitSet } from '../../dist/memory/wait-set.js';
import { Waker, WakeSource } from '../../dist/memory/waker.js';

/** One end: retries `attempt` until it answers something, with one wait at a time. */
class End extends WakeSource {
  constructor(attempt, mine, isReady) {
    super();
    Object.assign(this, { attempt, mine, isReady, settle: undefined });
  }

  wait() {
    const got = this.attempt();
    if (got !== undefined) return got;
    return new Promise((resolve) => {
      this.settle = resolve;
      Waker.get().add(this);
    });
  }

  /** Gives the wait up. */
  cancel() {
    Waker.get().remove(this);
    this.settle = undefined;
  }

  poll() {
    const got = this.attempt();
    if (got === undefined) return false;
    this.settle(got);
    return true;
  }

  park() {
    this.mine.park();
  }

  unpark() {
    if (!this.mine.unpark() && this.isReady()) this.mine.wakeOne();
  }
}

/** An end of a byte ring; whoever is chosen and leaves passes the wake on, since others may have come to fit. */
export class RingEnd extends End {
  constructor(ring, mine, attempt) {
    super(attempt, mine, () => true);
    this.ring = ring;
  }
}

/** `{ queue, readers, writers }`: regions that travel to other threads. */
export function createChannel(capacity, firstPosition = 0) {
  return {
    queue: SlotQueue.create(capacity, 8, undefined, firstPosition).region,
    readers: new WaitSet().region,
    writers: new WaitSet().region,
  };
}

export class NumberChannel {
  constructor(handle) {
    const queue = new SlotQueue(handle.queue);
    const readers = new WaitSet(handle.readers);
    const writers = new WaitSet(handle.writers);
    Object.assign(this, { queue, readers, writers });
    this.receiver = new End(
      () => {
        const value = queue.popWord();
        if (value !== undefined && writers.occupied) writers.wakeOne();
        return value;
      },
      readers,
      () => queue.length > 0,
    );
    this.sender = new End(
      () => {
        if (!queue.pushWord(this.outgoing)) return undefined;
        if (readers.occupied) readers.wakeOne();
        return true;
      },
      writers,
      () => queue.length < queue.capacity,
    );
  }

  /** A number, or the promise of one. */
  recv() {
    return this.receiver.wait();
  }

  /** True, or the promise of it. One at a time. */
  send(value) {
    this.outgoing = value;
    return this.sender.wait();
  }
}

/** Up to `spin` turns of a loop, or now and then one of the event loop. */
export async function randomDelay(spin) {
  const kind = Math.random();
  if (kind < 0.02) await new Promise((resolve) => setImmediate(resolve));
  else for (let i = Math.random() ** 2 * spin; i > 0; i--);
}
