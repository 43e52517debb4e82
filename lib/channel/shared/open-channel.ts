/** Making a channel across threads, and opening it in another one. */
import { resolveCodec, type WireCodec } from '../../memory/codec/codecs.js';
import { checkHandle } from '../../memory/handle.js';
import { endOf } from '../../memory/open-ends.js';
import { threadId } from '../../memory/waker.js';
import { checkInteger, checkOptions } from '../../validate.js';
import { CodecMismatchError } from '../channel-error.js';
import { resolveOverflow } from '../overflow.js';
import { BufferedEnd } from './buffered-end.js';
import { ChannelMemory } from './channel-memory.js';
import type {
  ChannelHandle,
  OpenChannelOptions,
  SharedChannel,
  SharedChannelOptions,
} from './shared-channel.js';
import type { SharedEnd } from './shared-end.js';
import { UnbufferedEnd } from './unbuffered-end.js';

const DEFAULT_MAX_BYTES = 16 * 2 ** 20;
const MAX_MAX_BYTES = 2 ** 28;
const MAX_CAPACITY = 2 ** 24;

let serial = 0;

function endOfChannel<T>(memory: ChannelMemory, codec: WireCodec<T>): SharedEnd<T> {
  return endOf('channel', memory.name, () => ({
    end:
      memory.rendezvous === undefined
        ? new BufferedEnd<T>(memory, codec)
        : new UnbufferedEnd<T>(memory, codec),
  }));
}

/**
 * Makes a channel that other threads can open: post its `handle` to them.
 *
 * @throws InvalidArgTypeError, OutOfRangeError, InvalidArgValueError
 * @throws SharedMemoryError where SharedArrayBuffer is switched off
 * @example
 * import { Worker } from 'node:worker_threads';
 *
 * const squares = sharedChannel<number>({ capacity: 64, codec: float64 });
 * const source = `
 *   const { workerData } = require('node:worker_threads');
 *   import(workerData.sluice).then(async ({ openChannel }) => {
 *     const squares = openChannel(workerData.handle);
 *     for (let i = 1; i <= 3; i++) await squares.send(i * i);
 *     squares.close();
 *   });`;
 * new Worker(source, { eval: true, workerData: { handle: squares.handle, sluice: import.meta.resolve('sluice') } });
 * for await (const square of squares) console.log(square); // prints: 1
 * // prints: 4
 * // prints: 9
 */
export function sharedChannel<T>(options: SharedChannelOptions<T>): SharedChannel<T> {
  const given = checkOptions('options', options, ['capacity', 'codec', 'maxBytes', 'overflow']);
  const capacity = checkInteger('options.capacity', given.capacity, 0, MAX_CAPACITY);
  const codec = resolveCodec('options.codec', given.codec) as WireCodec<T>;
  const isNumber = codec.name === 'int32' || codec.name === 'float64';
  const { maxBytes = isNumber ? 8 : DEFAULT_MAX_BYTES } = given;
  checkInteger('options.maxBytes', maxBytes, 1, MAX_MAX_BYTES);
  const overflow = resolveOverflow(given.overflow, capacity);
  const parameters = { capacity, maxBytes: maxBytes as number, overflow };
  return endOfChannel(ChannelMemory.create(parameters, threadId(), ++serial), codec);
}

/**
 * Opens the channel that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of a channel, or when a codec of one's own is missing
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version
 * @throws CodecMismatchError when the codec is not the one that the channel was made with
 */
export function openChannel<T>(handle: ChannelHandle<T>, options?: OpenChannelOptions<T>): SharedChannel<T> {
  const region = checkHandle('channel', handle);
  const { codec = handle.codec } = checkOptions('options', options, ['codec']);
  const name = typeof handle.codec === 'string' ? handle.codec : '';
  const wire = resolveCodec('options.codec', codec) as WireCodec<T>;
  if (wire.name !== name) throw new CodecMismatchError(name, wire.name);
  return endOfChannel(new ChannelMemory(region), wire);
}
