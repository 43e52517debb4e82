/**
 * What a listener and an outgoing connection have in common: a source of batches ({@link BatchSource}) whose connections come and go.
 */
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { waitSource } from '../waiting/cancellation.js';
import { throwLater } from '../waiting/throw-later.js';
import { BatchSource } from './batch-source.js';
import type { Connection } from './connection.js';
import { CloseReason, type DisconnectReason } from './disconnect-reason.js';
import { EndpointPart, type PartOwner } from './endpoint-part.js';
import type { BatchHandler, FrameBatch } from './frame-batch.js';
import type { Reactor } from './reactor.js';
import type { SocketConnection } from './socket-connection.js';
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

export abstract class Endpoint extends BatchSource<FrameBatch, EndpointStats> implements PartOwner {
  /** @internal */
  readonly parts: readonly EndpointPart[];
  /** @internal Whether a released arena is used again although views of it may be held. */
  readonly recycles: boolean;
  /** @internal Bytes of queued output from which `write` returns false. */
  readonly outputHighWater: number;

  readonly #disconnectHandlers: DisconnectHandler[] = [];
  /** The connections of the batch that was in hand when the endpoint was closed: their slots are others' soon. */
  #lastConnections: { part: EndpointPart; bySlot: Map<number, SocketConnection> } | undefined;
  #forwarder: FrameForwarder | undefined;
  #openParts: number;

  /** @internal */
  protected constructor(
    shares: readonly ReactorShare[],
    options: { recycle: boolean; outputHighWater: number },
  ) {
    super();
    this.recycles = options.recycle;
    this.outputHighWater = options.outputHighWater;
    this.parts = shares.map(({ reactor, id }) => new EndpointPart(this, reactor, id));
    this.#openParts = shares.length;
    for (const part of this.parts) {
      part.reactor.register(part);
      part.reactor.driver.ref();
    }
  }

  /** Calls `handler` once for each connection that ended, after its last frame. */
  onDisconnect(handler: DisconnectHandler): void {
    this.checkOpen();
    this.#disconnectHandlers.push(checkFunction('handler', handler));
  }

  /** Counters and gauges; after the end, as they were then. */
  stats(): EndpointStats {
    return readStats(this.parts);
  }

  /** @internal */
  override setReading(reading: boolean): void {
    for (const part of this.parts) part.driver.setReading(part.id, reading);
  }

  /** @internal */
  protected override hold(hold: boolean): void {
    for (const { driver } of this.parts) {
      if (hold) driver.ref();
      else driver.unref();
    }
  }

  /** @internal */
  protected override closeNow(): void {
    this.closeFor(CloseReason.listenerClosed);
  }

  /** Ends every connection at once and forgets the endpoint. Resolves when all is closed; idempotent. */
  override close(): Promise<void> {
    return super.close();
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
      if ((left === 0 && this.consumer.isIdle && !this.#forwarder?.isBusy) || performance.now() >= deadline)
        break;
      await cancellable<void>(source, (resolve) => {
        const timer = setTimeout(resolve, DRAIN_STEP_MS);
        return () => clearTimeout(timer);
      });
    }
    const { bufferedBytes, outputBytes } = this.stats();
    this.closeFor(CloseReason.drainTimeout);
    await this.allClosed;
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

  /** @internal */
  closeFor(reason: number): void {
    if (this.closing) return;
    const { batch } = this.consumer;
    if (batch !== undefined) {
      const part = batch.home as EndpointPart;
      const bySlot = new Map(batch.names().map((slot) => [slot, this.connectionAt(part, slot)]));
      this.#lastConnections = { part, bySlot };
    }
    this.closing = true;
    for (const part of this.parts) part.reactor.driver.closeEndpoint(part.id, reason);
    this.consumer.end();
  }

  // What the reactors tell, and what batches and connections ask.

  /** @internal */
  connectionAt(part: EndpointPart, slot: number): SocketConnection {
    const last = this.#lastConnections;
    return (last?.part === part ? last.bySlot.get(slot) : undefined) ?? part.connectionIn(slot);
  }

  /** @internal */
  abstract connected(part: EndpointPart, slot: number): void;

  /** @internal */
  connectFailed(_reason: DisconnectReason): void {}

  /** @internal */
  disconnected(part: EndpointPart, slot: number, reason: DisconnectReason): void {
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
    this.consumer.setHandler(handler);
    this.#forwarder = forwarder;
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
    if (this.isReferenced) part.driver.unref();
    if (--this.#openParts === 0) this.finished();
  }
}
