/**
 * What a listener and an outgoing connection have in common: one consumer of batches, and connections that come and go.
 */
import { type Receivable, type ReceiveSide, receiveSide } from '../channel/selectable.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { waitSource } from '../waiting/cancellation.js';
import { throwLater } from '../waiting/throw-later.js';
import { BatchConsumer, type BatchHandler } from './batch-consumer.js';
import { BatchReceiveSide } from './batch-receive-side.js';
import type { Connection, SocketConnection } from './connection.js';
import { CloseReason, type DisconnectReason } from './disconnect-reason.js';
import { EndpointPart } from './endpoint-part.js';
import type { FrameBatch } from './frame-batch.js';
import type { Reactor } from './reactor.js';
import { EndpointClosedError } from './socket-error.js';
import { type EndpointStats, readStats } from './stats.js';
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

/** @internal An endpoint's number with the driver of one of its reactors. */
export interface ReactorShare {
  reactor: Reactor;
  id: number;
}

const DRAIN_STEP_MS = 20;
const DRAIN_TIMEOUT_MS = 5000;

/**
 * Who takes an endpoint's frames elsewhere, past its consumer.
 *
 * @internal
 */
export interface FrameForwarder {
  /** Frames are not handled yet, or answers not sent. */
  readonly isBusy: boolean;
  /** Why it has closed a connection for `CloseReason.laneFull`. */
  readonly fullCause: unknown;
}

export abstract class Endpoint implements AsyncIterable<FrameBatch>, Receivable<FrameBatch>, AsyncDisposable {
  /** @internal */
  readonly parts: readonly EndpointPart[];
  /** @internal Whether a released arena is used again although views of it may be held. */
  readonly recycles: boolean;
  /** @internal Bytes of queued output from which `write` returns false. */
  readonly outputHighWater: number;

  readonly #consumer = new BatchConsumer(this);
  #receiveSide: BatchReceiveSide | undefined;
  readonly #disconnectHandlers: DisconnectHandler[] = [];
  /** The connections of the batch that was in hand when the endpoint was closed: their slots are others' soon. */
  #lastConnections: { part: EndpointPart; bySlot: Map<number, SocketConnection> } | undefined;
  #forwarder: FrameForwarder | undefined;
  #referenced = true;
  #openParts: number;
  #resolveClosed!: () => void;
  readonly #closed = new Promise<void>((resolve) => {
    this.#resolveClosed = resolve;
  });
  /** @internal Set by `close`; nothing is delivered any more. */
  closing = false;

  /** @internal */
  protected constructor(
    shares: readonly ReactorShare[],
    options: { recycle: boolean; outputHighWater: number },
  ) {
    this.recycles = options.recycle;
    this.outputHighWater = options.outputHighWater;
    this.parts = shares.map(({ reactor, id }) => new EndpointPart(this, reactor, id));
    this.#openParts = shares.length;
    for (const part of this.parts) {
      part.reactor.register(part);
      part.reactor.driver.ref();
    }
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
    return readStats(this.parts);
  }

  /** Keeps the process alive while open: the default. */
  ref(): this {
    if (!this.#referenced && !this.closing) {
      this.#referenced = true;
      for (const part of this.parts) part.reactor.driver.ref();
    }
    return this;
  }

  /** Lets the process end although this is open. */
  unref(): this {
    if (this.#referenced && !this.closing) {
      this.#referenced = false;
      for (const part of this.parts) part.reactor.driver.unref();
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
    for (const part of this.parts) part.reactor.driver.closeListener(part.id);
    const open = this.stats().connections;
    const deadline = performance.now() + timeout;
    let left = 0;
    while (!this.closing) {
      left = this.#drainStep();
      if ((left === 0 && this.#consumer.isIdle && !this.#forwarder?.isBusy) || performance.now() >= deadline)
        break;
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

  /** Closes what is silent; answers how many connections are not. */
  #drainStep(): number {
    if (this.#forwarder?.isBusy) return this.stats().connections;
    let left = 0;
    for (const { reactor, id } of this.parts) {
      reactor.output.flush();
      left += reactor.driver.drainStep(id);
    }
    return left;
  }

  /** Closes the endpoint. */
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
      const part = batch.home as EndpointPart;
      const bySlot = new Map(batch.names().map((slot) => [slot, this.connectionAt(part, slot)]));
      this.#lastConnections = { part, bySlot };
    }
    this.closing = true;
    for (const part of this.parts) part.reactor.driver.closeEndpoint(part.id, reason);
    this.#consumer.end();
  }

  /** @internal */
  checkOpen(): void {
    if (this.closing) throw new EndpointClosedError();
  }

  // What the reactors tell, and what batches and connections ask.

  /** @internal */
  deliver(batch: FrameBatch): void {
    this.#consumer.deliver(batch);
  }

  /** @internal */
  release(batch: FrameBatch): void {
    this.#consumer.released(batch);
  }

  /** @internal */
  connectionAt(part: EndpointPart, slot: number): SocketConnection {
    const last = this.#lastConnections;
    return (last?.part === part ? last.bySlot.get(slot) : undefined) ?? part.reactor.connectionAt(part, slot);
  }

  /** @internal */
  abstract connected(part: EndpointPart, slot: number): void;

  /** @internal */
  connectFailed(_reason: DisconnectReason): void {}

  /** @internal */
  disconnected(part: EndpointPart, slot: number, reason: DisconnectReason): void {
    part.outputWaiters.ended(slot, reason);
    if (this.#disconnectHandlers.length === 0) return;
    const connection = this.connectionAt(part, slot);
    connection.markClosed(reason);
    for (const handler of this.#disconnectHandlers) this.callBack(() => handler(connection, reason));
  }

  /** @internal What a close reason of the driver's has for a cause. */
  causeOf(reason: number): unknown {
    return reason === CloseReason.laneFull ? this.#forwarder?.fullCause : undefined;
  }

  /** @internal Frames go to somebody else, who says when all are dealt with. `handler` takes batches that come all the same. */
  protected forwardTo(forwarder: FrameForwarder, handler: BatchHandler): void {
    this.#consumer.setHandler(handler);
    this.#forwarder = forwarder;
  }

  /**
   * @internal
   * @throws ConsumerActiveError, EndpointClosedError
   */
  checkUnconsumed(): void {
    this.checkOpen();
    this.#consumer.checkIdle();
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
  closedByDriver(part: EndpointPart): void {
    if (this.#referenced) part.reactor.driver.unref();
    part.closed();
    if (--this.#openParts === 0) this.#resolveClosed();
  }
}
