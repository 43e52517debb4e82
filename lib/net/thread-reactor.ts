/**
 * A reactor on a native thread of its own, for `listen({ reactors: N })`. Listeners of one JavaScript thread share its
 * reactor threads: one with `reactors: 2` has its connections on the first two.
 */
import { reactors } from '../platform/driver.js';
import { LentArenas } from './arena.js';
import { flushAtExit } from './exit-flush.js';
import { Output } from './output.js';
import { Reactor, type ReactorPart } from './reactor.js';

/** @internal */
export class ThreadReactor extends Reactor {
  static readonly #all: ThreadReactor[] = [];

  /** The first `count` of this JavaScript thread; those that do not run yet are started. */
  static get(count: number): ThreadReactor[] {
    const all = ThreadReactor.#all;
    while (all.length < count) all.push(new ThreadReactor(`sluice/${all.length}`));
    return all.slice(0, count);
  }

  readonly #applied = new Int32Array(new SharedArrayBuffer(4));
  readonly driver;
  readonly output: Output;
  readonly arenas: LentArenas;

  private constructor(name: string) {
    super();
    this.driver = new (reactors().ThreadReactor)(this.table, () => this.onTurn(), name, this.#applied);
    this.output = new Output(this.table, this.driver, this.#applied);
    this.arenas = new LentArenas(this.table, this.driver);
    this.driver.setOutputGauge(this.gauge);
    flushAtExit(this);
  }

  override register(part: ReactorPart): void {
    super.register(part);
    if (part.recycles) this.arenas.shareFromNow();
  }

  protected override onTurn(): void {
    this.arenas.beginTurn();
    super.onTurn();
    this.arenas.endTurn();
  }
}
