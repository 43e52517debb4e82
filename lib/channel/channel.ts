/** The interfaces of channels: one for each side, and both together. */
import type { WaitOptions } from '../waiting/cancellation.js';
import type { Empty, Received } from './received.js';
import type { Receivable, Sendable } from './selectable.js';

/**
 * What happens to a value for which there is no room: its sender waits (`block`), or it is dropped itself (`drop-newest`), or
 * the oldest buffered value is (`drop-oldest`). Drops are counted in `dropped`.
 */
export type Overflow = 'block' | 'drop-newest' | 'drop-oldest';

/** Options of {@link channel} and {@link broadcast}. */
export interface ChannelOptions {
  /** Default: `'block'`. */
  overflow?: Overflow;
}

/**
 * The side of a channel that gives values. Whoever asks first is served first, and each value goes to one receiver.
 *
 * A `for await` loop takes values until the channel is closed and empty. Leaving the loop closes nothing and loses nothing:
 * another loop may go on. Several loops share the values.
 */
export interface ReceiveChannel<out T> extends AsyncIterable<T, undefined>, Receivable<T> {
  /**
   * Takes a value, or waits for one. When there is one, this allocates the result and its promise; a wait allocates its place
   * in the line too, about half a kilobyte with all that `await` keeps.
   *
   * A signal that has fired or fires while this waits rejects it with the signal's reason; no value is lost by that.
   *
   * @example
   * import { channel } from 'sluice';
   *
   * const words = channel<string>(1);
   * await words.send('one');
   * words.close();
   * console.log(await words.recv()); // prints: { ok: true, value: 'one' }
   * console.log(await words.recv()); // prints: { ok: false, reason: 'closed' }
   */
  recv(options?: WaitOptions): Promise<Received<T>>;
  /**
   * Takes a value if there is one. Allocates only the result.
   *
   * @example
   * import { channel } from 'sluice';
   *
   * const jobs = channel<string>(10);
   * console.log(jobs.tryRecv()); // prints: { ok: false, reason: 'empty' }
   */
  tryRecv(): Received<T> | Empty;
  /**
   * Takes what there is, up to `max` values; waits only for the first. An empty array: closed, and nothing is left. The array and
   * its promise are all that is allocated, however many values there are.
   *
   * @throws OutOfRangeError when `max` is not a positive integer.
   * @example
   * import { channel } from 'sluice';
   *
   * const lines = channel<string>(100);
   * await lines.sendMany(['a', 'b', 'c']);
   * console.log(await lines.recvMany(2)); // prints: [ 'a', 'b' ]
   */
  recvMany(max: number, options?: WaitOptions): Promise<T[]>;
  /** Closed: nothing can be sent any more. What is buffered can still be received. */
  readonly closed: boolean;
}

/** The side of a channel that takes values. */
export interface SendChannel<in T> extends Sendable<T> {
  /**
   * Sends `value`, and waits while there is no room for it: without a buffer, until it has been received. Sends that wait are
   * served in the order of arrival. When there is room or a receiver, this allocates nothing.
   *
   * Rejects with {@link ChannelClosedError} when the channel is closed, also while this waits. A signal that has fired or fires
   * while this waits rejects it with the signal's reason, and then the value was not sent.
   */
  send(value: T, options?: WaitOptions): Promise<void>;
  /**
   * Sends `value` if that is possible at once; false: there is no room, or nobody is waiting where there is no buffer. With
   * `drop-newest` false means that the value was dropped and counted. Allocates nothing.
   *
   * @throws ChannelClosedError
   */
  trySend(value: T): boolean;
  /**
   * Sends all `values`, in their order and with none of another sender in between, and waits for room as `send` does. One
   * wait serves for all of them.
   *
   * Rejects as `send` does; the values that were sent by then stay sent.
   *
   * @throws InvalidArgTypeError when `values` cannot be iterated.
   */
  sendMany(values: Iterable<T>, options?: WaitOptions): Promise<void>;
  /**
   * Closes the channel: what is buffered can still be received, then receivers get `{ ok: false, reason: 'closed', cause: reason }`.
   * Sends that wait are rejected. Only the first call has an effect.
   */
  close(reason?: unknown): void;
  /** Closed: nothing can be sent any more. */
  readonly closed: boolean;
}

/** A queue between tasks, as in Go: values go in at one side and come out at the other, each once. */
export interface Channel<in out T> extends ReceiveChannel<T>, SendChannel<T> {
  /** How many values are buffered. */
  readonly length: number;
  /** How many values it buffers at most; 0: a send waits for its receive. */
  readonly capacity: number;
  /** How many values were dropped for want of room, since the channel was made. */
  readonly dropped: number;
}
