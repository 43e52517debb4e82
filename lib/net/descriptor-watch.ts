/**
 * The readiness of a descriptor, as a channel that gives it.
 *
 * Readiness is a state and no event: nothing is stored, and whoever asks gets what holds at that moment or waits. The system
 * is asked to report only while somebody waits, so a watch that nobody reads costs nothing, needs no closing, and one whose
 * descriptor stays ready does not spin.
 */
import type { ReceiveChannel } from '../channel/channel.js';
import { closedFor, type Received } from '../channel/received.js';
import { Receiver } from '../channel/receiver.js';
import { endAll, type ReceiveWaiter, WaiterList, type WaiterListOwner } from '../channel/waiter.js';
import { InvalidArgValueError } from '../errors.js';
import { HANGUP, READABLE, WRITABLE } from '../platform/sockets.js';
import { checkBoolean, checkInteger, checkOptions } from '../validate.js';
import { onCancel, throwIfCanceled } from '../waiting/cancellable.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { type CancellationSource, waitSource } from '../waiting/cancellation.js';
import type { DescriptorWaiter, DescriptorWaits } from './descriptor-waits.js';
import { errnoName } from './disconnect-reason.js';
import { LoopReactor } from './loop-reactor.js';
import { reactorFor } from './reactor.js';
import { SocketError } from './socket-error.js';

/** What a descriptor is ready for. */
export interface Readiness {
  /** Asked for, and a read would not wait: there is something, or the end, or an error. */
  readonly readable: boolean;
  /** Asked for, and a write would not wait: there is room, or an error. */
  readonly writable: boolean;
  /** The other side has ended, or an error is pending. Bytes may lie in front of the end. */
  readonly hangup: boolean;
}

/** What to watch a descriptor for: at least one of `readable` and `writable`. */
export interface WatchDescriptorOptions extends WaitOptions {
  /** Default: false. */
  readable?: boolean;
  /** Default: false. */
  writable?: boolean;
}

/** What {@link watch} makes of a descriptor. */
export interface DescriptorWatch extends ReceiveChannel<Readiness>, Disposable {
  /** The descriptor. It stays the program's: closing the watch does not close it. */
  readonly fd: number;
  /** Ends the watch, and the waits and loops on it. Idempotent. */
  close(): void;
  /** Keeps the process alive while something waits for the descriptor: the default. */
  ref(): this;
  /** Lets the process end although something waits for it. */
  unref(): this;
}

const MAX_DESCRIPTOR = 2 ** 31 - 1;

class PolledDescriptor
  extends Receiver<Readiness>
  implements DescriptorWatch, DescriptorWaiter, WaiterListOwner
{
  readonly fd: number;
  readonly interest: number;
  readonly #reactor: LoopReactor;
  readonly #waits: DescriptorWaits;
  readonly #source: CancellationSource | undefined;
  readonly #receivers = new WaiterList<ReceiveWaiter<Readiness>>(this);
  #closed = false;
  #cause: unknown;
  #referenced = true;
  #forgetSignal = (): void => {};

  constructor(reactor: LoopReactor, fd: number, interest: number, source: CancellationSource | undefined) {
    super();
    this.#reactor = reactor;
    this.#waits = reactor.descriptors;
    this.fd = fd;
    this.interest = interest;
    this.#source = source;
  }

  get closed(): boolean {
    if (!this.#closed && this.#source?.canceled) this.#end(this.#source.reason);
    return this.#closed;
  }

  get receiveReady(): boolean {
    return this.closed || this.#waits.look(this.fd, this.interest) !== 0;
  }

  /** The system can make it ready at any moment: a report of stuck waits takes it for something that a timer will end. */
  get dueAt(): number {
    return 0;
  }

  receiveNow(): Received<Readiness> | undefined {
    if (!this.closed) {
      const found = this.#waits.look(this.fd, this.interest);
      if (found === 0) return undefined;
      if (found > 0) return { ok: true, value: readinessOf(found) };
      this.failed(-found);
    }
    return closedFor(this.#cause);
  }

  enlistReceiver(waiter: ReceiveWaiter<Readiness>): void {
    this.#receivers.add(waiter);
  }

  /** One: a second look would find the same. */
  protected override takeMany(): Readiness[] | undefined {
    return super.takeMany(1);
  }

  /** As of any channel, but an end that the program did not ask for is thrown: a loop would take it for the end of the data. */
  override [Symbol.asyncIterator](): AsyncIterator<Readiness, undefined> {
    const values = super[Symbol.asyncIterator]();
    return {
      next: async () => {
        const result = await values.next();
        if (result.done && this.#cause !== undefined) throw this.#cause;
        return result;
      },
      return: () => values.return!(),
    };
  }

  waitersCame(): void {
    this.#forgetSignal = onCancel(this.#source, () => this.#end(this.#source!.reason));
    if (this.#referenced) this.#reactor.driver.ref();
    this.#waits.add(this);
  }

  waitersLeft(): void {
    this.#waits.remove(this);
    if (this.#referenced) this.#reactor.driver.unref();
    this.#forgetSignal();
  }

  ready(readiness: number): void {
    this.#receivers.first!.deliver(readinessOf(readiness));
  }

  failed(errno: number): void {
    this.#end(new SocketError(errnoName(errno), 'watch', `descriptor ${this.fd}`));
  }

  close(): void {
    this.#end(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  ref(): this {
    if (!this.#referenced && this.#receivers.first !== undefined) this.#reactor.driver.ref();
    this.#referenced = true;
    return this;
  }

  unref(): this {
    if (this.#referenced && this.#receivers.first !== undefined) this.#reactor.driver.unref();
    this.#referenced = false;
    return this;
  }

  #end(cause: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cause = cause;
    endAll(this.#receivers, cause);
  }
}

function readinessOf(bits: number): Readiness {
  return {
    readable: (bits & READABLE) !== 0,
    writable: (bits & WRITABLE) !== 0,
    hangup: (bits & HANGUP) !== 0,
  };
}

/** @internal */
export function watchDescriptor(fd: unknown, options: unknown): DescriptorWatch {
  const given = checkOptions('options', options, ['readable', 'writable', 'signal']);
  const number = checkInteger('fd', fd, 0, MAX_DESCRIPTOR);
  const wants = (name: 'readable' | 'writable'): boolean =>
    given[name] !== undefined && checkBoolean(`options.${name}`, given[name]);
  const interest = (wants('readable') ? READABLE : 0) | (wants('writable') ? WRITABLE : 0);
  if (interest === 0) throw new InvalidArgValueError('options', 'must have readable or writable', options);
  const source = waitSource(given as WaitOptions);
  throwIfCanceled(source);
  const text = `descriptor ${number}`;
  const reactor = reactorFor(text, 'watch', () => LoopReactor.get());
  const refusal = reactor.descriptors.refusal(number, interest);
  if (refusal !== 0) throw new SocketError(errnoName(refusal), 'watch', text);
  return new PolledDescriptor(reactor, number, interest, source);
}
