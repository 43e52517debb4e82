/** The dispatches of a pool, in the thread that made it: each takes a listener's frames to the workers. */
import type { Dispatch, DispatchOptions } from '../../net/dispatch-target.js';
import type { Listener } from '../../net/listener.js';
import type { ToWorker } from '../messages.js';
import { resolveDispatchOptions } from './dispatch-options.js';
import { LaneFeeder } from './lane-feeder.js';
import type { DispatchHandle } from './lane-runner.js';

/** @internal What a dispatch needs of the pool. */
export interface DispatchHost {
  /** Resolves when workers are ready, so that `numberOf` knows the handlers. */
  ready(): Promise<void>;
  /** @throws HandlerNotFoundError */
  numberOf(handler: string): number;
  /** A lane is runnable: its number goes to the workers. */
  announce(number: number): void;
  /** Says something to all workers. */
  post(message: ToWorker): void;
}

/** @internal */
export class Dispatches {
  readonly #host: DispatchHost;
  readonly #open = new Map<number, { feeder: LaneFeeder; handle: DispatchHandle }>();
  #next = 0;

  constructor(host: DispatchHost) {
    this.#host = host;
  }

  /** What a worker needs to take part. */
  get handles(): DispatchHandle[] {
    return [...this.#open.values()].map(({ handle }) => handle);
  }

  async start(listener: Listener, handler: string, given: DispatchOptions): Promise<Dispatch> {
    const host = this.#host;
    const options = resolveDispatchOptions(given, listener.frameBytes);
    await host.ready();
    const id = this.#next++;
    const onBatch = host.numberOf(handler);
    const onConnect = options.onConnect === undefined ? -1 : host.numberOf(options.onConnect);
    const onDisconnect = options.onDisconnect === undefined ? -1 : host.numberOf(options.onDisconnect);
    const feeder = new LaneFeeder(listener, host, id, options);
    const handle = {
      id,
      lanes: feeder.lanes.handle,
      names: feeder.names.region,
      onBatch,
      onConnect,
      onDisconnect,
    };
    feeder.start();
    this.#open.set(id, { feeder, handle });
    host.post({ type: 'dispatch', dispatch: handle });
    listener.whenClosed(() => {
      this.#open.delete(id);
      host.post({ type: 'dispatch-over', id });
    });
    return feeder;
  }

  /** A handler of the dispatch threw. */
  failed(id: number, error: unknown): void {
    this.#open.get(id)?.feeder.failed(error);
  }

  /** A worker has died: the lanes that it held are free again. */
  sweep(): void {
    for (const { feeder } of this.#open.values()) feeder.sweep();
  }
}
