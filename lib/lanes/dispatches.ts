/** The dispatches of a pool, in the thread that made it: each takes a listener's frames to the workers. */
import { InvalidArgTypeError } from '../errors.js';
import type { Dispatch, DispatchedListener, DispatchOptions } from '../net/dispatch-target.js';
import { keepLanes, type LaneHost, type LaneKeeper } from '../pool/lane-work.js';
import { PoolClosedError } from '../pool/pool-error.js';
import { resolveDispatchOptions } from './dispatch-options.js';
import { LaneDispatch } from './lane-dispatch.js';
import type { DispatchHandle } from './lane-runner.js';

/** @internal */
export class Dispatches implements LaneKeeper {
  readonly #host: LaneHost;
  readonly #open = new Map<
    number,
    { listener: DispatchedListener; lanes: LaneDispatch; handler: string; handle: DispatchHandle }
  >();
  /** Those whose listeners are closed, and in whose lanes something may be left; who waits for them. */
  readonly #ending = new Set<number>();
  readonly #endWaiters: (() => void)[] = [];
  /** Those that wait for workers to begin with. */
  #starting = 0;
  #next = 0;
  #isClosing = false;

  constructor(host: LaneHost) {
    this.#host = host;
  }

  /** What a worker needs to take part. */
  get handles(): DispatchHandle[] {
    return [...this.#open.values()].map(({ handle }) => handle);
  }

  /** Whether there are any, those that are about to begin included. */
  get areOpen(): boolean {
    return this.#open.size + this.#starting > 0;
  }

  async start(listener: DispatchedListener, handler: string, given: DispatchOptions): Promise<Dispatch> {
    const options = resolveDispatchOptions(given, listener.frameBytes);
    this.#starting++;
    try {
      return await this.#startReady(listener, handler, options);
    } finally {
      this.#starting--;
    }
  }

  async #startReady(
    listener: DispatchedListener,
    handler: string,
    options: ReturnType<typeof resolveDispatchOptions>,
  ): Promise<Dispatch> {
    const host = this.#host;
    await host.ready();
    if (this.#isClosing) throw new PoolClosedError();
    const id = this.#next++;
    const onBatch = host.numberOf(handler);
    const onConnect = options.onConnect === undefined ? -1 : host.numberOf(options.onConnect);
    const onDisconnect = options.onDisconnect === undefined ? -1 : host.numberOf(options.onDisconnect);
    const lanes = new LaneDispatch(listener, host, id, options);
    const handle = {
      id,
      lanes: lanes.lanes.handle,
      names: lanes.names.region,
      states: lanes.states?.handle,
      onBatch,
      onConnect,
      onDisconnect,
    };
    lanes.start();
    this.#open.set(id, { listener, lanes, handler, handle });
    host.post({ type: 'dispatch', dispatch: handle });
    listener.whenClosed(() => this.#ending.add(id));
    void lanes.over().then(() => {
      this.#ending.delete(id);
      this.#open.delete(id);
      host.post({ type: 'dispatch-over', id });
      for (const resolve of this.#ending.size === 0 ? this.#endWaiters.splice(0) : []) resolve();
    });
    return lanes;
  }

  /**
   * Drains the listeners, since nobody will be there for their frames: in `timeout` ms, or as `Listener.drain` does by itself. Resolves
   * when what was in lanes has reached its handlers.
   */
  async close(timeout: number | undefined): Promise<void> {
    this.#isClosing = true;
    const drains = [...this.#open].map(async ([id, { listener }]) => {
      if (this.#ending.has(id)) return;
      // It rejects for a listener that somebody else closes meanwhile.
      await listener.drain(timeout === undefined ? {} : { timeout }).catch(() => {});
    });
    await Promise.all(drains);
    if (this.#ending.size > 0) await new Promise<void>((resolve) => this.#endWaiters.push(resolve));
  }

  workersGone(): void {
    for (const { lanes } of this.#open.values()) lanes.workersGone();
  }

  /** A handler of the dispatch threw. */
  failed(id: number, error: unknown): void {
    this.#open.get(id)?.lanes.failed(error);
  }

  /** A worker's thread has died: the lanes that it held are free again. `error` makes what tells of it, if anybody is told. */
  sweep(thread: number, error: (handler: string) => Error): void {
    for (const { lanes, handler } of this.#open.values()) lanes.sweep(thread, () => error(handler));
  }
}

/**
 * Takes a listener's frames to the workers of `pool`.
 *
 * @internal
 */
export async function startDispatch(
  listener: DispatchedListener,
  pool: unknown,
  handler: unknown,
  options: DispatchOptions,
): Promise<Dispatch> {
  const keep = (
    pool as { [keepLanes]?: (make: (host: LaneHost) => LaneKeeper) => LaneKeeper } | null | undefined
  )?.[keepLanes];
  if (typeof keep !== 'function') throw new InvalidArgTypeError('pool', 'a WorkerPool', pool);
  if (typeof handler !== 'string') throw new InvalidArgTypeError('handler', 'a string', handler);
  listener.checkOpen();
  const dispatches = keep.call(pool, (host) => new Dispatches(host)) as Dispatches;
  return await dispatches.start(listener, handler, options);
}
