/**
 * What a listener and an outgoing connection have in common: a source of batches ({@link BatchSource}) whose connections come and go.
 */
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { throwIfCanceled } from '../waiting/cancellable.js';
import { waitSource } from '../waiting/cancellation.js';
import { throwLater } from '../waiting/throw-later.js';
import { BatchSource } from './batch-source.js';
import type { Connection } from './connection.js';
import { CloseReason, type DisconnectReason } from './disconnect-reason.js';
import { Drain, type DrainHost, type DrainOptions, type DrainReport } from './drain.js';
import { EndpointPart } from './endpoint-part.js';
import type { BatchHandler, FrameBatch } from './frame-batch.js';
import type { Reactor } from './reactor.js';
import type { SocketConnection } from './socket-connection.js';
import { type EndpointStats, readStats } from './stats.js';

/** Told once of each connection that ended, after its last frame. */
export type DisconnectHandler<Data = unknown> = (
  connection: Connection<Data>,
  reason: DisconnectReason,
) => void;

/** @internal An endpoint's number with the driver of one of its reactors. */
export interface ReactorShare {
  reactor: Reactor;
  id: number;
}

const drainDefaults = Object.freeze({ timeout: 5000, quietMs: 20 });

/**
 * Who takes an endpoint's frames elsewhere, past its consumer.
 *
 * @internal
 */
export interface FrameForwarder {
  /** Frames are not handled yet, or answers not sent. */
  readonly isBusy: boolean;
  /** Calls `callback` once, when it is not busy any more. */
  whenIdle(callback: () => void): void;
  /** Why it has closed a connection for `CloseReason.laneFull`. */
  readonly fullCause: unknown;
}

// It is a PartOwner, which its declaration can't say: what makes it one is internal.
export abstract class Endpoint<Data = unknown> extends BatchSource<FrameBatch<Data>, EndpointStats> {
  /** @internal */
  readonly parts: readonly EndpointPart[];
  /** @internal */
  readonly reactors: number;
  /** @internal Whether a released arena is used again although views of it may be held. */
  readonly recycles: boolean;
  /** @internal Bytes of queued output from which `write` returns false. */
  readonly outputHighWater: number;
  /** @internal Whether connections may have come through proxies. */
  readonly hasProxies: boolean;

  readonly #disconnectHandlers: DisconnectHandler<Data>[] = [];
  /** The connections of the batch that was in hand when the endpoint was closed: their slots are others' soon. */
  #lastConnections: { part: EndpointPart; bySlot: Map<number, SocketConnection> } | undefined;
  #forwarder: FrameForwarder | undefined;
  /** Connections that were reported, and their ends not yet. */
  #open = 0;
  #awaitsForwarder = false;
  readonly #forwarderIdle = (): void => {
    this.#awaitsForwarder = false;
    this.#drain?.look();
  };
  /** Under way, or over. */
  #drain: Drain | undefined;
  #openParts: number;

  /** @internal */
  protected constructor(
    shares: readonly ReactorShare[],
    options: { recycle: boolean; outputHighWater: number; hasProxies?: boolean },
  ) {
    super();
    this.recycles = options.recycle;
    this.outputHighWater = options.outputHighWater;
    this.hasProxies = options.hasProxies ?? false;
    this.reactors = shares.length;
    this.parts = shares.map(({ reactor, id }, number) => new EndpointPart(this, reactor, id, number));
    this.#openParts = shares.length;
    for (const part of this.parts) {
      part.reactor.register(part);
      part.reactor.driver.ref();
    }
  }

  /** Calls `handler` once for each connection that ended, after its last frame. */
  onDisconnect(handler: DisconnectHandler<Data>): void {
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
   * closes. A connection is finished when it was silent for `quietMs` with nothing left in either direction. What is not finished
   * after `timeout` is cut, and the report says how much.
   *
   * A drain that is called while one is under way joins it: it goes by the options of the first, and all get the same report; so
   * does one that is called after it. When `signal` fires, that wait is over and rejects with its reason; when no other call waits,
   * the drain is called off: the endpoint accepts no more, and `close` or another `drain` ends it.
   *
   * Silence is all that a server can see. Bytes that are still on their way, or in a sender's own buffers, look like silence; a sender
   * that never pauses is never finished. The guide to sockets, "Ending", has what to do about both.
   *
   * @throws EndpointClosedError after `close`.
   *
   * @example
   * const report = await server.drain({ timeout: 1000 });
   * if (report.cut > 0) console.error(`${report.cut} connections cut, ${report.unsentBytes} bytes of output lost`);
   */
  async drain(options?: DrainOptions): Promise<DrainReport> {
    const given = checkOptions('options', options, ['timeout', 'quietMs', 'signal']);
    const ms = (name: keyof typeof drainDefaults): number =>
      given[name] === undefined
        ? drainDefaults[name]
        : checkInteger(`options.${name}`, given[name], 0, 2 ** 31 - 1);
    const timeout = ms('timeout');
    const quietMs = ms('quietMs');
    const source = waitSource(options);
    if (this.#drain === undefined) this.checkOpen();
    throwIfCanceled(source);
    if (this.#drain === undefined) {
      this.#drain = new Drain(this.#drainHost, timeout, quietMs);
      this.#drain.look();
    }
    return this.#drain.wait(source);
  }

  get #drainHost(): DrainHost {
    const self = this;
    return {
      stats: () => this.stats(),
      beginDrain: (quietMs) => {
        for (const { reactor, id } of this.parts) {
          reactor.output.flush();
          reactor.driver.closeListener(id);
          reactor.driver.drain(id, quietMs);
        }
      },
      calledOff: () => {
        this.#drain = undefined;
        for (const { reactor, id } of this.parts) reactor.driver.drain(id, -1);
      },
      get isFinished() {
        return self.#isFinished;
      },
      closeDrained: () => this.closeFor(CloseReason.drainTimeout),
      closed: this.allClosed,
    };
  }

  get #isFinished(): boolean {
    if (this.#open > 0 || !this.consumer.isIdle) return false;
    if (this.#forwarder?.isBusy) {
      if (!this.#awaitsForwarder) this.#forwarder.whenIdle(this.#forwarderIdle);
      this.#awaitsForwarder = true;
      return false;
    }
    return this.stats().connections === 0; // a reactor on a thread of its own may have accepted some that are not reported yet
  }

  /** @internal How many connections were reported, and their ends not. */
  protected get open(): number {
    return this.#open;
  }

  /** @internal */
  closeFor(reason: number): void {
    if (this.closing) return;
    this.#drain?.endpointCloses();
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
  override released(batch: FrameBatch<Data>): boolean {
    const wasInHand = super.released(batch);
    this.#drain?.look();
    return wasInHand;
  }

  /** @internal */
  connected(_part: EndpointPart, _slot: number): void {
    this.#open++;
  }

  /** @internal */
  connectFailed(_reason: DisconnectReason): void {}

  /** @internal */
  refused(_part: EndpointPart, _slot: number, _code: string): void {}

  /** @internal */
  disconnected(part: EndpointPart, slot: number, reason: DisconnectReason): void {
    this.#open--;
    if (this.#disconnectHandlers.length > 0) {
      const connection = this.connectionAt(part, slot);
      connection.markClosed(reason);
      for (const handler of this.#disconnectHandlers)
        this.callBack(() => handler(connection as Connection<Data>, reason));
    }
    this.#drain?.look();
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
