/** The reactor that sits in the event loop of its JavaScript thread: one for each thread, made with the first endpoint. */
import { reactors } from '../platform/driver.js';
import { LoopArenas } from './arena.js';
import { DescriptorWaits } from './descriptor-waits.js';
import { flushAtExit } from './exit-flush.js';
import { Output } from './output.js';
import { Reactor } from './reactor.js';

/** @internal */
export class LoopReactor extends Reactor {
  static #instance: LoopReactor | undefined;

  /** This thread's. */
  static get(): LoopReactor {
    LoopReactor.#instance ??= new LoopReactor();
    return LoopReactor.#instance;
  }

  readonly arenas = new LoopArenas(this.table);
  readonly driver = new (reactors().LoopReactor)(
    this.table,
    () => this.onTurn(),
    (minBytes) => {
      const arena = this.arenas.provide(minBytes);
      return [arena.bytes, arena.frames];
    },
  );
  readonly output = new Output(this.table, this.driver);
  readonly descriptors = new DescriptorWaits(this.driver);

  private constructor() {
    super();
    this.driver.setOutputGauge(this.gauge);
    flushAtExit(this);
  }

  protected override descriptorReady(fd: number): void {
    this.descriptors.ready(fd);
  }
}
