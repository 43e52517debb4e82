/** Batches without sockets: the class that a handler gets in life, over frames that a test wrote down. */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError } from '../errors.js';
import { Arena } from '../net/arena.js';
import { type BatchHome, FrameBatch } from '../net/frame-batch.js';
import type { Connection, OutputData } from '../net/index.js';
import { FRAME_WORDS } from '../net/turn-table.js';
import { TestConnection, testConnection } from './test-connection.js';

/** One frame of a {@link testBatch}: its bytes, as the framing would have cut them, and if it matters whose they are. */
export type TestFrame<Data = unknown> =
  | OutputData
  | readonly [connection: TestConnection<Data>, frame: OutputData];

class TestHome implements BatchHome {
  readonly recycles = false;
  readonly connections: TestConnection[] = [];

  /** What the frame table calls `connection`. */
  nameOf(connection: TestConnection): number {
    const known = this.connections.indexOf(connection);
    return known >= 0 ? known : this.connections.push(connection) - 1;
  }

  connectionAt(name: number): Connection {
    return this.connections[name]!;
  }

  reply(name: number, data: OutputData): void {
    this.connections[name]!.reply(data);
  }

  release(): void {}
}

/**
 * A batch of these frames, in their order: what `onBatch`, a loop and a lane's handler are called with. Frames without a connection are
 * all of one, made for them: `batch.connection(0)`. What is replied and written is in `connection.writes`, `text` and `lines` at once.
 *
 * @throws InvalidArgTypeError for a frame that is no string, no Uint8Array and no pair of a test connection and one of these.
 *
 * @example
 * function onBatch(batch: FrameBatch): void {
 *   for (const frame of batch) frame.reply(`${frame.text().toUpperCase()}\n`);
 * }
 * const pump = testConnection();
 * const valve = testConnection();
 * onBatch(testBatch([[pump, 'on'], [valve, 'shut'], [pump, 'off']]));
 * console.log(pump.lines, valve.lines); // prints: [ 'ON', 'OFF' ] [ 'SHUT' ]
 */
export function testBatch<Data = unknown>(frames: Iterable<TestFrame<Data>>): FrameBatch<Data> {
  if (
    typeof frames === 'string' ||
    typeof (frames as Partial<Iterable<unknown>>)?.[Symbol.iterator] !== 'function'
  )
    throw new InvalidArgTypeError('frames', 'an iterable of frames', frames);
  const home = new TestHome();
  const parts: Buffer[] = [];
  const words: number[] = [];
  let others: TestConnection | undefined;
  let at = 0;
  for (const given of frames) {
    const [connection, data] = Array.isArray(given) ? given : [undefined, given];
    if (connection !== undefined && !(connection instanceof TestConnection))
      throw new InvalidArgTypeError('the connection of a frame', 'a test connection', connection);
    if (typeof data !== 'string' && !(data instanceof Uint8Array))
      throw new InvalidArgTypeError(
        'a frame',
        'a string, a Uint8Array, or a pair of a test connection and one of these',
        data,
      );
    if (connection === undefined) others ??= testConnection();
    const bytes = Buffer.from(data as Uint8Array);
    words.push(home.nameOf(connection ?? others!), at, at + bytes.length);
    parts.push(bytes);
    at += bytes.length;
  }
  const arena = new Arena(Math.max(at, 1), Int32Array.from(words));
  Buffer.concat(parts).copy(arena.bytes);
  arena.pending = 1;
  return new FrameBatch<Data>(home, arena, 0, words.length / FRAME_WORDS, 0, 0);
}
