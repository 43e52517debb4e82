/**
 * What a listener and an outgoing connection have in common: one consumer of batches, and connections that come and go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import type { Arena } from './arena.js';
import type { Connection } from './connection.js';
import { CloseReason, type DisconnectReason } from './disconnect-reason.js';
import type { FrameBatch, OutputData } from './frame-batch.js';
import { ConnectionClosedError, ConsumerActiveError, EndpointClosedError } from './socket-error.js';
import { type EndpointStats, readStats } from './stats.js';
import type { ThreadReactor } from './thread-reactor.js';
import { throwLater } from './throw-later.js';
import { abortable, type WaitOptions } from './wait.js';

/** Takes a batch, which is released when the function returns, or when the promise it returned settles. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler returns nothing, or a promise
export type BatchHandler = (batch: FrameBatch) => void | PromiseLike<unknown>;
/** Told once of each connection that ended, after its last frame. */
export type DisconnectHandler = (connection: Connection, reason: DisconnectReason) => void;

/** Options of `drain`. */
export interface DrainOptions {
  /** How long to wait for what is in flight, in ms. Default: 5000. */
  timeout?: number;
}

/** What became of the connections that were open when a drain began. */
export interface DrainReport {
  /** Connections that finished: everything received was delivered, everything written was sent. */
  finished: number;
  /** Connections that were cut when the time was over. */
  cut: number;
  /** Bytes of unfinished frames that were cut off. */
  unfinishedBytes: number;
  /** Bytes of output that were cut off. */
  unsentBytes: number;
}

const DRAIN_STEP_MS = 20;
const DRAIN_TIMEOUT_MS = 5000;

interface DrainWaiter {
  resolve(): void;
  reject(error: unknown): void;
}

export abstract class Endpoint implements AsyncIterable<FrameBatch>, AsyncDisposable {
  /** @internal */
  readonly reactor: ThreadReactor;
  /** @internal The driver's number for it. */
  readonly id: number;
  /** @internal Whether a released arena is used again although views of it may be held. */
  readonly recycles: boolean;
  /** @internal Bytes of queued output from which `write` returns false. */
  readonly outputHighWater: number;

  #handler: BatchHandler | undefined;
  #iterating = false;
  /** The iterator waits for a batch. */
  #waiter: { resolve(result: IteratorResult<FrameBatch>): void; promise: Promise<unknown> } | undefined;
  #batch: FrameBatch | undefined;
  #batchTurn = 0;
  #batchIndex = 0;
  readonly #disconnectHandlers: DisconnectHandler[] = [];
  readonly #drainWaiters = new Map<number, DrainWaiter[]>();
  #referenced = true;
  #finalStats: EndpointStats | undefined;
  #resolveClosed!: () => void;
  readonly #closed = new Promise<void>((resolve) => {
    this.#resolveClosed = resolve;
  });
  /** @internal Set by `close`; nothing is delivered any more. */
  closing = false;

  /** @internal */
  protected constructor(
    reactor: ThreadReactor,
    id: number,
    options: { recycle: boolean; outputHighWater: number },
  ) {
    this.reactor = reactor;
    this.id = id;
    this.recycles = options.recycle;
    this.outputHighWater = options.outputHighWater;
    reactor.register(id, this);
    reactor.driver.ref();
  }

  /**
   * Takes batches as they come: the fastest form. One consumer at a time.
   *
   * @throws ConsumerActiveError when there is a consumer already, EndpointClosedError after `close`.
   */
  onBatch(handler: BatchHandler): void {
    checkFunction('handler', handler);
    this.#checkIdle();
    this.#handler = handler;
    this.reactor.driver.setReading(this.id, true);
  }

  /** Calls `handler` once for each connection that ended, after its last frame. */
  onDisconnect(handler: DisconnectHandler): void {
    this.checkOpen();
    this.#disconnectHandlers.push(checkFunction('handler', handler));
  }

  /**
   * Batches one after the other; the next is not read before this one is released, which going round the loop does.
   * Leaving the loop releases the batch and pauses reading, and another loop may go on later. The loop ends when the
   * endpoint is closed.
   */
  [Symbol.asyncIterator](): AsyncIterator<FrameBatch, undefined> {
    this.#checkIdle();
    this.#iterating = true;
    let done = false;
    const finish = (): IteratorReturnResult<undefined> => {
      if (!done) {
        done = true;
        this.#stopIterating();
      }
      return { done: true, value: undefined };
    };
    const next = (): Promise<IteratorResult<FrameBatch, undefined>> => {
      if (done) return Promise.resolve(finish());
      if (this.#waiter !== undefined) return this.#waiter.promise.then(next);
      this.#batch?.release();
      if (this.closing) return Promise.resolve(finish());
      const promise = new Promise<IteratorResult<FrameBatch, undefined>>((resolve) => {
        this.#waiter = {
          resolve: (result) => resolve(result.done === true ? finish() : result),
          promise: undefined as unknown as Promise<unknown>,
        };
      });
      this.#waiter!.promise = promise;
      this.reactor.driver.setReading(this.id, true);
      return promise;
    };
    return {
      next,
      return: async () => {
        const waiter = this.#waiter;
        const result = finish();
        waiter?.resolve(result);
        return result;
      },
    };
  }

  /** Counters and gauges; after the end, as they were then. */
  stats(): EndpointStats {
    return this.#finalStats ?? readStats((out) => this.reactor.driver.stats(this.id, out));
  }

  /** Keeps the process alive while open: the default. */
  ref(): this {
    if (!this.#referenced && !this.closing) {
      this.#referenced = true;
      this.reactor.driver.ref();
    }
    return this;
  }

  /** Lets the process end although this is open. */
  unref(): this {
    if (this.#referenced && !this.closing) {
      this.#referenced = false;
      this.reactor.driver.unref();
    }
    return this;
  }

  /** Ends every connection at once and forgets the endpoint. Resolves when all is closed; idempotent. */
  close(): Promise<void> {
    this.closeFor(CloseReason.listenerClosed);
    return this.#closed;
  }

  /**
   * Stops accepting, lets what is in flight finish (bytes received are delivered, batches released, output sent), then
   * closes. What is not finished after `timeout` is cut, and the report says how much. A connection is finished when it
   * was silent for a moment with nothing left in either direction.
   */
  async drain(options?: DrainOptions): Promise<DrainReport> {
    const given = checkOptions('options', options, ['timeout']);
    const timeout =
      given.timeout === undefined
        ? DRAIN_TIMEOUT_MS
        : checkInteger('options.timeout', given.timeout, 0, 2 ** 31 - 1);
    this.checkOpen();
    const { driver } = this.reactor;
    driver.closeListener(this.id);
    const open = this.stats().connections;
    const deadline = performance.now() + timeout;
    let left = 0;
    while (!this.closing) {
      this.reactor.output.flush();
      left = driver.drainStep(this.id);
      if ((left === 0 && this.#batch === undefined) || performance.now() >= deadline) break;
      await sleep(DRAIN_STEP_MS);
    }
    const { bufferedBytes, outputBytes } = this.stats();
    this.closeFor(CloseReason.drainTimeout);
    await this.#closed;
    return {
      finished: Math.max(0, open - left),
      cut: left,
      unfinishedBytes: left === 0 ? 0 : bufferedBytes,
      unsentBytes: left === 0 ? 0 : outputBytes,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  whenClosed(callback: () => void): void {
    void this.#closed.then(callback);
  }

  /** @internal */
  closeFor(reason: number): void {
    if (this.closing) return;
    const stats = this.stats();
    this.#finalStats = {
      ...stats,
      connections: 0,
      closed: stats.closed + stats.connections,
      outputBytes: 0,
      bufferedBytes: 0,
    };
    this.closing = true;
    this.reactor.driver.closeEndpoint(this.id, reason);
    this.#endIteration();
  }

  #endIteration(): void {
    this.#waiter?.resolve({ done: true, value: undefined });
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.closing) throw new EndpointClosedError();
  }

  #checkIdle(): void {
    this.checkOpen();
    if (this.#handler !== undefined || this.#iterating) throw new ConsumerActiveError();
  }

  #stopIterating(): void {
    this.#iterating = false;
    this.#waiter = undefined;
    this.#batch?.release();
    if (!this.closing) this.reactor.driver.setReading(this.id, false);
  }

  // What the thread's reactor tells.

  /** @internal */
  deliver(batch: FrameBatch, turn: number, index: number): void {
    this.#batch = batch;
    this.#batchTurn = turn;
    this.#batchIndex = index;
    if (this.#handler === undefined) {
      const waiter = this.#waiter;
      this.#waiter = undefined;
      waiter?.resolve({ done: false, value: batch });
      return;
    }
    let result: unknown;
    try {
      result = this.#handler(batch);
    } catch (error) {
      batch.release();
      throwLater(error);
      return;
    }
    if (
      result === undefined ||
      result === null ||
      typeof (result as PromiseLike<unknown>).then !== 'function'
    ) {
      batch.release();
      return;
    }
    (result as PromiseLike<unknown>).then(
      () => batch.release(),
      (error: unknown) => {
        batch.release();
        throw error;
      },
    );
  }

  /** @internal */
  release(batch: FrameBatch, arena: Arena): void {
    const { reactor } = this;
    if (--arena.pending === 0) reactor.arenas.reclaim(arena, this.recycles);
    if (this.#batch !== batch) return;
    this.#batch = undefined;
    if (!this.closing) reactor.releaseBatch(this.id, this.#batchTurn, this.#batchIndex);
  }

  /** @internal */
  reply(slot: number, data: OutputData): void {
    if (!this.closing) this.reactor.output.add(slot, data);
  }

  /** @internal */
  connectionAt(slot: number): Connection {
    return this.reactor.connectionAt(this, slot);
  }

  /** @internal */
  abstract connected(slot: number): void;

  /** @internal */
  connectFailed(_reason: DisconnectReason): void {}

  /** @internal */
  disconnected(slot: number, reason: DisconnectReason): void {
    const waiters = this.#drainWaiters.get(slot);
    if (waiters !== undefined) {
      this.#drainWaiters.delete(slot);
      for (const waiter of waiters) waiter.reject(new ConnectionClosedError(reason));
    }
    if (this.#disconnectHandlers.length === 0) return;
    const connection = this.connectionAt(slot);
    connection.markClosed(reason);
    for (const handler of this.#disconnectHandlers) {
      try {
        handler(connection, reason);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  /** @internal */
  closedByDriver(): void {
    if (this.#referenced) this.reactor.driver.unref();
    this.#resolveClosed();
  }

  /** @internal */
  outputDrained(slot: number): void {
    const waiters = this.#drainWaiters.get(slot);
    this.#drainWaiters.delete(slot);
    for (const waiter of waiters ?? []) waiter.resolve();
  }

  /** @internal */
  drainedConnection(connection: Connection, slot: number, options?: WaitOptions): Promise<void> {
    if (connection.closed) return Promise.reject(new ConnectionClosedError(connection.disconnectReason));
    this.reactor.output.flush();
    if (!this.reactor.driver.watchDrain(slot)) return Promise.resolve();
    return abortable(options?.signal, (resolve, reject) => {
      const waiter: DrainWaiter = { resolve, reject };
      const waiters = this.#drainWaiters.get(slot);
      if (waiters === undefined) this.#drainWaiters.set(slot, [waiter]);
      else waiters.push(waiter);
      return () => {
        const all = this.#drainWaiters.get(slot);
        if (all?.includes(waiter)) all.splice(all.indexOf(waiter), 1);
      };
    });
  }
}
