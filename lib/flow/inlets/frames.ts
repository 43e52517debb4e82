/**
 * The frames of a listener or a peer, each with memory of its own: what a flow holds, or its consumer keeps, pins no arena.
 *
 * A batch is in hand until all its frames are in the flow. While it is, and while the flow takes none, nothing more is read, and the
 * senders' TCP windows close.
 */
import { Buffer } from 'node:buffer';
import type { ReceiveSide } from '../../channel/selectable.js';
import type { Connection, FrameBatch } from '../../net/index.js';
import type { FlowCore } from '../flow-core.js';
import { SideInlet } from './receivable.js';

/** What a flow over a listener or a peer gives. */
export interface ReceivedFrame {
  /** Where it came from. */
  readonly connection: Connection;
  /** The frame, in memory of its own. */
  readonly data: Buffer;
}

/** @internal */
export class FramesInlet extends SideInlet<FrameBatch, ReceivedFrame> {
  #batch: FrameBatch | undefined;
  /** The next frame of the batch in hand. */
  #next = 0;

  constructor(flow: FlowCore<ReceivedFrame>, side: ReceiveSide<FrameBatch>) {
    super(flow, side);
  }

  protected accept(batch: FrameBatch): boolean {
    this.#batch = batch;
    this.#next = 0;
    return this.acceptRest();
  }

  protected acceptArrival(batch: FrameBatch): boolean {
    if (this.flow !== undefined) return this.accept(batch);
    batch.release();
    return true;
  }

  protected acceptRest(): boolean {
    const batch = this.#batch;
    if (batch === undefined) return true;
    while (this.#next < batch.length) {
      const { flow } = this;
      if (flow === undefined) return true; // the batch was released when the flow ended
      if (!flow.takes) return false;
      const i = this.#next++;
      flow.push({ connection: batch.connection(i), data: copyOf(batch, i) });
    }
    this.giveUp();
    return true;
  }

  protected giveUp(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    batch?.release();
  }
}

/** A frame's bytes, without a view of the arena: an arena of which there was none is used again. */
function copyOf(batch: FrameBatch, i: number): Buffer {
  const start = batch.start(i);
  const end = batch.end(i);
  const data = Buffer.allocUnsafe(end - start);
  batch.table.bytes.copy(data, 0, start, end);
  return data;
}
