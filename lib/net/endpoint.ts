/**
 * What a listener and an outgoing connection have in common: one consumer of batches, and connections that come and go.
 */
import { type Receivable, type ReceiveSide, receiveSide } from '../channel/selectable.js';
import { waitSource } from '../context/cancellation.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import type { Arena } from './arena.js';
import { BatchConsumer, type BatchHandler } from './batch-consumer.js';
import { BatchReceiveSide } from './batch-receive-side.js';
import type { Connection } from './connection.js';
import { CloseReason, type DisconnectReason } from './disconnect-reason.js';
import type { FrameBatch, OutputData } from './frame-batch.js';
import { OutputWaiters } from './output-waiters.js';
import { EndpointClosedError } from './socket-error.js';
import { type EndpointStats, readStats } from './stats.js';
import type { ThreadReactor } from './thread-reactor.js';
import { throwLater } from './throw-later.js';
import { cancellable, throwIfCanceled, type WaitOptions } from './wait.js';

/** Told once of each connection that ended, after its last frame. */
export type DisconnectHandler = (connection: Connection, reason: DisconnectReason) => void;

/** Options of `drain`. */
export interface DrainOptions extends WaitOptions {
  /** How long to wait for what is in flight, in ms. Default: 5000. */
  timeout?: number;
}

/** What became of the connections that were open when a drain began. */
export interface DrainReport {
  /** Connections that finished: everything received was delivered, everything written was sent. */
  finished: number;
  /** Connections that were cut when the time was over. */
  cut: number;
  /** Bytes of the connections cut that were read and not released: unfinished frames, and the batch in hand. */
  unfinishedBytes: number;
  /** Bytes of output of the connections cut that were not sent. */
  unsentBytes: number;
}

const DRAIN_STEP_MS = 20;
const DRAIN_TIMEOUT_MS = 5000;

export abstract class Endpoint implements AsyncIterable<FrameBatch>, Receivable<FrameBatch>, AsyncDisposable {
  /** @internal */
  readonly reactor: ThreadReactor;
  /** @internal The driver's number for it. */
  readonly id: number;
  /** @internal Whether a released arena is used again although views of it may be held. */
  readonly recycles: boolean;
  /** @internal Bytes of queued output from which `write` returns false. */
  readonly outputHighWater: number;

  readonly #consumer = new BatchConsumer(this);
  #receiveSide: BatchReceiveSide | undefined;
  readonly #disconnectHandlers: DisconnectHandler[] = [];
  readonly #outputWaiters: OutputWaiters;
  /** The connections of the batch that was in hand when the endpoint was closed: their slots are others' soon. */
  #lastConnections: Map<number, Connection> | undefined;
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
    this.#outputWaiters = new OutputWaiters(reactor);
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
    this.checkOpen();
    this.#consumer.setHandler(handler);
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
    this.checkOpen();
    return this.#consumer.iterate();
  }

  /**
   * What makes an endpoint a case of a select: `recv(server)`. A select that names the endpoint is done with the batch that the
   * one before gave, as a loop that goes round; `batch.release()` is done with it earlier. A case that loses takes no batch.
   * While the select waits the endpoint has its consumer, and a second one is an error.
   *
   * @example
   * import { done, recv, select } from 'sluice';
   *
   * for (;;) {
   *   const got = await select({ batch: recv(server), quit: done(signal) });
   *   if (got.case === 'quit' || !got.ok) break;
   *   for (const frame of got.value) frame.reply(`${frame.text()}\n`);
   * }
   */
  get [receiveSide](): ReceiveSide<FrameBatch> {
    this.#receiveSide ??= new BatchReceiveSide(this, this.#consumer);
    return this.#receiveSide;
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
   * was silent for a moment (20 ms) with nothing left in either direction. When `signal` fires, the wait is over and
   * rejects with its reason; the endpoint accepts no more, and `close` or another `drain` ends it.
   *
   * @throws EndpointClosedError after `close`.
   *
   * @example
   * const report = await server.drain({ timeout: 1000 });
   * if (report.cut > 0) console.error(`${report.cut} connections cut, ${report.unsentBytes} bytes of output lost`);
   */
  async drain(options?: DrainOptions): Promise<DrainReport> {
    const given = checkOptions('options', options, ['timeout', 'signal']);
    const timeout =
      given.timeout === undefined
        ? DRAIN_TIMEOUT_MS
        : checkInteger('options.timeout', given.timeout, 0, 2 ** 31 - 1);
    const source = waitSource(options);
    this.checkOpen();
    throwIfCanceled(source);
    const { driver } = this.reactor;
    driver.closeListener(this.id);
    const open = this.stats().connections;
    const deadline = performance.now() + timeout;
    let left = 0;
    while (!this.closing) {
      this.reactor.output.flush();
      left = driver.drainStep(this.id);
      if ((left === 0 && this.#consumer.batch === undefined) || performance.now() >= deadline) break;
      await cancellable<void>(source, (resolve) => {
        const timer = setTimeout(resolve, DRAIN_STEP_MS);
        return () => clearTimeout(timer);
      });
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
    const { batch } = this.#consumer;
    if (batch !== undefined) {
      this.#lastConnections = new Map(batch.slots().map((slot) => [slot, this.connectionAt(slot)]));
    }
    this.closing = true;
    this.reactor.driver.closeEndpoint(this.id, reason);
    this.#consumer.end();
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.closing) throw new EndpointClosedError();
  }

  // What the thread's reactor tells, and what batches and connections ask.

  /** @internal */
  deliver(batch: FrameBatch, turn: number, index: number): void {
    this.#consumer.deliver(batch, turn, index);
  }

  /** @internal */
  release(batch: FrameBatch, arena: Arena): void {
    if (--arena.pending === 0) this.reactor.arenas.reclaim(arena, this.recycles);
    this.#consumer.released(batch);
  }

  /** @internal */
  reply(slot: number, data: OutputData): void {
    if (!this.closing) this.reactor.output.add(slot, data);
  }

  /** @internal */
  connectionAt(slot: number): Connection {
    return this.#lastConnections?.get(slot) ?? this.reactor.connectionAt(this, slot);
  }

  /** @internal */
  abstract connected(slot: number): void;

  /** @internal */
  connectFailed(_reason: DisconnectReason): void {}

  /** @internal */
  disconnected(slot: number, reason: DisconnectReason): void {
    this.#outputWaiters.ended(slot, reason);
    if (this.#disconnectHandlers.length === 0) return;
    const connection = this.connectionAt(slot);
    connection.markClosed(reason);
    for (const handler of this.#disconnectHandlers) this.callBack(() => handler(connection, reason));
  }

  /** @internal Runs a program's callback; what it throws is reported after the turn. */
  protected callBack(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      throwLater(error);
    }
  }

  /** @internal */
  closedByDriver(): void {
    this.#finalStats = this.stats();
    if (this.#referenced) this.reactor.driver.unref();
    this.#resolveClosed();
  }

  /** @internal */
  outputDrained(slot: number): void {
    this.#outputWaiters.drained(slot);
  }

  /** @internal */
  drainedConnection(connection: Connection, slot: number, options?: WaitOptions): Promise<void> {
    return this.#outputWaiters.wait(connection, slot, options);
  }
}
