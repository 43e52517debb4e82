/**
 * What `sluice load` does: frames for a server, over many connections, in bounded number.
 *
 * A connection makes its next write when the system has taken the one before, so the server's backpressure reaches the
 * load. At the end each connection ends its side and waits for the server to end its own: a server does that when it has
 * read everything.
 */
import { Buffer } from 'node:buffer';
import { OutOfRangeError } from '../errors.js';
import { sampleFrame, sizesOf } from '../net/framing/framing.js';
import {
  ConnectionClosedError,
  connect,
  type DisconnectReason,
  type Framing,
  type Peer,
} from '../net/index.js';
import { readyVoid } from '../waiting/turn-budget.js';
import { FaultTally } from './fault-tally.js';
import { FrameFormat } from './frame-format.js';

export interface LoadOptions {
  address: string;
  framing: Framing;
  /** Connections at once, all through. */
  connections: number;
  /** Bytes of a frame, without its framing. */
  size: number;
  /** Bytes handed to the system in one write, frames split and joined as it comes. */
  writeSize: number;
  /** Frames to send, all connections together. */
  count: number;
  /** Time to send in, in ms. */
  durationMs: number;
  /** How long the server may take, in ms, to read the rest and end the connections. */
  waitMs: number;
}

/** What a load has done so far, or in the end. */
export interface LoadReport {
  /** Whole frames that the system took. */
  frames: number;
  /** Bytes that the system took. */
  bytes: number;
  /** Bytes that the server sent. */
  bytesAnswered: number;
  /** From the first write to the last that the system took, in seconds. */
  seconds: number;
  /** Connections whose server has read everything and ended them. */
  confirmed: number;
  /** Connections that were open when the time to wait was over, and were cut. */
  cut: number;
  /** Connections that ended before all was sent, by reason. */
  lost: FaultTally;
}

/** So many connections are opened at once. */
const CONNECTING = 64;

export class Load {
  readonly #options: LoadOptions;
  readonly #frameBytes: number;
  /** Frames, one behind the other: a write may begin anywhere in the first. */
  readonly #pattern: Buffer;
  readonly #streams: Stream[] = [];
  #began = 0;
  #stopTimer: NodeJS.Timeout | undefined;
  #cutTimer: NodeJS.Timeout | undefined;

  /** @throws OutOfRangeError when frames of that size can't be framed so. */
  constructor(options: LoadOptions) {
    this.#options = options;
    const frame = new FrameFormat(options.framing).encode(payloadFor(options.framing, options.size));
    this.#frameBytes = frame.length;
    this.#pattern = Buffer.alloc(
      Math.ceil((options.writeSize + frame.length) / frame.length) * frame.length,
      frame,
    );
  }

  /** Opens all connections. Rejects SocketError when one can't be opened. */
  async connect(): Promise<void> {
    const { address, connections } = this.#options;
    try {
      while (this.#streams.length < connections) {
        const opening = Math.min(CONNECTING, connections - this.#streams.length);
        const opened = await Promise.allSettled(
          Array.from({ length: opening }, async () => new Stream(await connect(address))),
        );
        for (const stream of opened) if (stream.status === 'fulfilled') this.#streams.push(stream.value);
        for (const stream of opened) if (stream.status === 'rejected') throw stream.reason;
      }
    } catch (error) {
      await Promise.all(this.#streams.map(({ peer }) => peer.close()));
      throw error;
    }
  }

  /** Sends, ends the connections and resolves when all are closed. */
  async run(): Promise<void> {
    const { connections, count, durationMs } = this.#options;
    this.#began = performance.now();
    this.#stopTimer = setTimeout(() => this.stop(), durationMs);
    const share = Math.floor(count / connections);
    const sending = this.#streams.map((stream, i) => {
      stream.quota = (share + (i < count % connections ? 1 : 0)) * this.#frameBytes;
      return stream.send(this.#pattern, this.#frameBytes, this.#options.writeSize);
    });
    await Promise.all(sending);
    this.stop();
    await Promise.all(this.#streams.map((stream) => stream.ended));
    clearTimeout(this.#cutTimer);
  }

  /** Sends no more than the frames begun; what is not confirmed by the server in time is cut. Idempotent. */
  stop(): void {
    if (this.#cutTimer !== undefined) return;
    clearTimeout(this.#stopTimer);
    for (const stream of this.#streams) stream.stopAtFrame(this.#frameBytes);
    this.#cutTimer = setTimeout(() => {
      for (const stream of this.#streams) stream.cut();
    }, this.#options.waitMs);
  }

  /** Connections that are open. */
  get open(): number {
    return this.#streams.filter(({ peer }) => !peer.closed).length;
  }

  report(): LoadReport {
    const lost = new FaultTally();
    const report: LoadReport = {
      frames: 0,
      bytes: 0,
      bytesAnswered: 0,
      seconds: 0,
      confirmed: 0,
      cut: 0,
      lost,
    };
    let last = this.#began;
    for (const stream of this.#streams) {
      report.frames += Math.floor(stream.sent / this.#frameBytes);
      report.bytes += stream.sent;
      report.bytesAnswered += stream.peer.stats().bytesIn;
      last = Math.max(last, stream.lastSentAt);
      const { fate } = stream;
      if (fate === 'confirmed') report.confirmed++;
      else if (fate === 'cut') report.cut++;
      else if (fate !== 'open') lost.add(fate);
    }
    report.seconds = (last - this.#began) / 1000;
    return report;
  }
}

/** One connection of a load. */
class Stream {
  readonly peer: Peer;
  /** Bytes to send. */
  quota = 0;
  /** Bytes that the system took. */
  sent = 0;
  lastSentAt = 0;
  /** What became of it; a reason when it was lost. */
  fate: 'open' | 'confirmed' | 'cut' | DisconnectReason = 'open';
  /** Resolves when the connection is closed. */
  readonly ended: Promise<void>;
  #at = 0;
  #cut = false;

  constructor(peer: Peer) {
    this.peer = peer;
    if (peer.disconnectReason !== undefined) {
      this.fate = peer.disconnectReason; // refused as soon as it was accepted
      this.ended = Promise.resolve();
      return;
    }
    peer.onBatch(() => {}); // whatever the server answers must not hold it up
    this.ended = new Promise((resolve) => {
      peer.onDisconnect((_, reason) => {
        if (this.#cut) this.fate = 'cut';
        else if (reason.code === 'PEER_ENDED' && this.sent === this.quota) this.fate = 'confirmed';
        else this.fate = reason;
        resolve();
      });
    });
  }

  async send(pattern: Buffer, frameBytes: number, writeSize: number): Promise<void> {
    const { peer } = this;
    try {
      while (this.#at < this.quota) {
        const from = this.#at % frameBytes;
        const length = Math.min(writeSize, this.quota - this.#at);
        peer.write(pattern.subarray(from, from + length));
        this.#at += length;
        await peer.drained();
        this.sent = this.#at;
        this.lastSentAt = performance.now();
        await readyVoid();
      }
      peer.end();
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) throw error; // lost: `ended` knows why
    }
  }

  stopAtFrame(frameBytes: number): void {
    this.quota = Math.min(this.quota, Math.ceil(this.#at / frameBytes) * frameBytes);
  }

  cut(): void {
    if (this.peer.closed) return;
    this.#cut = true;
    this.peer.destroy();
  }
}

/** A frame's bytes, none of which the framing would take for its own. */
function payloadFor(framing: Framing, size: number): Buffer {
  const { least, most } = sizesOf(framing);
  if (least === most && size !== least) {
    throw new OutOfRangeError('--size', `${least}, the size in --framing ${framing.kind}`, size);
  }
  if (size > most) throw new OutOfRangeError('--size', `at most ${most} with that --framing`, size);
  if (size < least) {
    throw new OutOfRangeError('--size', `at least ${least} with --framing ${framing.kind}`, size);
  }
  return sampleFrame(framing, size);
}
