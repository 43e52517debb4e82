/** What the workers write to the pool's maker, and how that thread waits for it. */
import { Waker, WakeSource } from '../memory/waker.js';
import type { PoolMemory } from './pool-memory.js';
import { InboxReader, type RecordHandler } from './record.js';
import type { Retries } from './retries.js';
import { SlowLook } from './slow-look.js';

const RECORDS_A_TURN = 1024;
/** More than the inbox holds. */
const ALL_RECORDS = 2 ** 17;

/** @internal Between `begin` and the end of the last task it keeps the process alive. */
export class Completions extends WakeSource {
  readonly #memory: PoolMemory;
  readonly #inbox: InboxReader;
  readonly #handler: RecordHandler;
  readonly #retries: Retries;
  readonly #isDone: () => boolean;
  #comesBack = false;
  #isClosed = false;
  readonly #slowLook = new SlowLook(() => {
    if (!this.#inbox.isEmpty && this.poll()) this.stop();
    return !this.#isClosed && !this.#isDone();
  });

  constructor(memory: PoolMemory, handler: RecordHandler, retries: Retries, isDone: () => boolean) {
    super();
    this.#memory = memory;
    this.#inbox = new InboxReader(memory.maker);
    this.#handler = handler;
    this.#retries = retries;
    this.#isDone = isDone;
  }

  /** There are tasks. */
  begin(): void {
    Waker.get().add(this);
    this.#slowLook.begin();
  }

  /** Nothing is outstanding any more, whatever ended the last task: the process may go. */
  stop(): void {
    Waker.get().remove(this);
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.stop();
  }

  poll(): boolean {
    if (!this.#retries.isEmpty) this.#retries.run();
    if (this.#inbox.drain(this.#handler, RECORDS_A_TURN) === RECORDS_A_TURN) this.#comeBack();
    return this.#isDone();
  }

  park(): void {
    this.#memory.maker.inboxWait.park();
  }

  unpark(): void {
    this.#memory.maker.inboxWait.unpark();
  }

  /** There may be more, and whoever wrote it has woken this thread already: nobody will do so again. */
  #comeBack(): void {
    if (this.#comesBack) return;
    this.#comesBack = true;
    setImmediate(() => {
      this.#comesBack = false;
      if (this.poll()) this.stop();
    });
  }

  /** Takes all that there is. */
  drain(): void {
    this.#inbox.drain(this.#handler, ALL_RECORDS);
  }
}
