/** What a channel across threads has beyond a local one, and what it takes to make and to open one. */
import type { Codec } from '../../memory/codec/codecs.js';
import type { SharedHandle } from '../../memory/handle.js';
import type { Channel, Overflow } from '../channel.js';

/** What {@link SharedChannel.handle} is: post it to another thread of this process and give it to {@link openChannel}. */
export interface ChannelHandle<T> extends SharedHandle<'channel'> {
  /** The name of the codec, which must be the same on both sides. */
  readonly codec: string;
  /** Only in types: what the channel carries. */
  readonly carries?: T;
}

/** Is shown bytes [`start`, `end`) of `memory`, which other threads write to again after the call: keep no view of it. */
export type MessageReader = (memory: Buffer, start: number, end: number) => void;

/** Room for one message, to be written in place: what {@link SharedChannel.reserve} gives. */
export interface Reservation extends Disposable {
  /** The room, shared with the receiver: not zeroed, and not to be touched after `commit` or `abandon`. */
  readonly bytes: Buffer;
  /** Sends what was written. */
  commit(): void;
  /** Sends nothing. Leaving the scope of `using` without a `commit` does the same. */
  abandon(): void;
}

/**
 * A channel that several threads have open. Each value goes to one receiver, on whichever thread; values of one sender
 * arrive in the order in which it sent them. Values are copied, as their codec says: the receiver gets a value of its own.
 *
 * What differs from a channel in one thread: a `sendMany` that has to wait may have values of other threads' senders
 * among its own, and `recv` without a buffer takes over what a sender on another thread gave just when this thread's
 * wait was canceled: the value is not lost, the next receive gets it.
 */
export interface SharedChannel<in out T> extends Channel<T> {
  /** Can be posted to other threads, any number of times. */
  readonly handle: ChannelHandle<T>;
  /** The longest message, in bytes as encoded. */
  readonly maxBytes: number;
  /**
   * Claims room for a message of `length` bytes. Nothing is copied on its way into the channel; undefined: there is no room
   * now. Commit soon, best in the same step: what others send later waits behind it. For codecs whose encoded form you
   * write yourself, `bytes` above all.
   *
   * @throws MessageTooLargeError, ChannelClosedError, NotSupportedError without a buffer
   * @example
   * const frames = sharedChannel<Uint8Array>({ capacity: 16, codec: bytes });
   * using room = frames.reserve(5);
   * if (room !== undefined) {
   *   room.bytes.write('hello');
   *   room.commit();
   * }
   * console.log(frames.tryRecv().ok); // prints: true
   */
  reserve(length: number): Reservation | undefined;
  /**
   * The other end of {@link SharedChannel.reserve}: takes up to `max` messages that have come and shows each to `read` where it
   * lies, encoded. Nothing is copied and no object is made. Answers how many there were: 0 when none is there at present, or none
   * will come. It does not wait: receive one by `recv`, and what came with it by this.
   *
   * Be quick: senders wait for the slots. What `read` throws is thrown once the messages that were claimed with the one it threw at, up
   * to 128, have been shown; they are all taken.
   *
   * @throws InvalidArgTypeError, OutOfRangeError, NotSupportedError without a buffer
   * @example
   * const frames = sharedChannel<Uint8Array>({ capacity: 16, codec: bytes });
   * await frames.sendMany([Buffer.from('one'), Buffer.from('two')]);
   * let total = 0;
   * frames.readMany(100, (memory, start, end) => {
   *   for (let i = start; i < end; i++) total += memory[i]!;
   * });
   * console.log(total); // prints: 668
   */
  readMany(max: number, read: MessageReader): number;
  /** Waits of this thread for this channel keep the process alive: the default. */
  ref(): this;
  /** They do not. */
  unref(): this;
}

/** Options of {@link sharedChannel}. */
export interface SharedChannelOptions<T> {
  /**
   * Values, from 0 to 2²⁴; rounded up to a power of two, as `capacity` of the channel says. 0: a send waits until a receiver on
   * some thread waits for it.
   */
  capacity: number;
  /** How values travel. Default: `structured`. */
  codec?: Codec<T>;
  /**
   * The longest message, in bytes as encoded, up to 2²⁸. Default: 16 MiB; 8 for `int32` and `float64`. Memory for long ones is
   * reserved and becomes real when it is used.
   */
  maxBytes?: number;
  /** Default: `'block'`. */
  overflow?: Overflow;
}

/** Options of {@link openChannel}. */
export interface OpenChannelOptions<T> {
  /** Needed when the channel was made with a codec of one's own: that codec again. */
  codec?: Codec<T>;
}
