/**
 * How a signal ends waits: the part that contexts, channels, locks and sockets share.
 *
 * A wait puts itself into the list of a *source*, which a Context has of its own and an AbortSignal gets on first use, and
 * takes itself out when it is over. Both are O(1) and allocate nothing, since the wait brings the links along. An
 * AbortSignal has one `abort` listener of ours while anything waits, and none otherwise, however many operations name it.
 */
import { InvalidArgTypeError } from '../errors.js';
import { CanceledError, type ContextError, DeadlineExceededError } from './context-error.js';

/** What has a signal: a Context. */
export interface HasSignal {
  /** Fires when its owner is done. */
  readonly signal: AbortSignal;
}

/** Options of every wait. */
export interface WaitOptions {
  /** An AbortSignal or a Context; when it fires, the wait is over and rejects with its reason. */
  signal?: AbortSignal | HasSignal | undefined;
}

/**
 * Something that ends when a source is canceled. A class that implements it starts the links with `undefined` and leaves
 * them to the source.
 *
 * @internal
 */
export interface Cancellable {
  /** The source in whose list it is. */
  source: CancellationSource | undefined;
  previousInSource: Cancellable | undefined;
  nextInSource: Cancellable | undefined;
  /** Somebody waits for it, so that a deadline of the source must keep the process alive. */
  readonly isWait: boolean;
  /** Called once when `source` is canceled, after it was taken out of the list. */
  canceledBy(source: CancellationSource): void;
}

/**
 * What can be canceled, once, and then ends all that is in its list, in the order in which it came.
 *
 * A wait checks `canceled` first, then calls `add`; whoever ends the wait otherwise calls `detach`.
 *
 * @internal
 */
export abstract class CancellationSource {
  #first: Cancellable | undefined;
  #last: Cancellable | undefined;
  /** Members that somebody waits for. */
  #waits = 0;
  /** The timers' clock at the deadline; Infinity without one. */
  readonly dueAt: number;
  /** Milliseconds since 1970 at the deadline; NaN without one. */
  readonly deadline: number;

  /** The cause that the deadline will have. */
  readonly deadlineCause: unknown;

  constructor(dueAt = Infinity, deadline = Number.NaN, deadlineCause?: unknown) {
    this.dueAt = dueAt;
    this.deadline = deadline;
    this.deadlineCause = deadlineCause;
  }

  abstract readonly canceled: boolean;
  /** What a wait that it ended rejects with. */
  abstract readonly reason: unknown;
  abstract readonly err: ContextError | undefined;
  abstract readonly cause: unknown;
  abstract readonly signal: AbortSignal;

  add(member: Cancellable): void {
    member.source = this;
    member.previousInSource = this.#last;
    if (this.#last === undefined) {
      this.#first = member;
      this.filled();
    } else {
      this.#last.nextInSource = member;
    }
    this.#last = member;
    if (member.isWait) this.waitBegins();
  }

  /** Takes `member` out of the list that it is in, if any. */
  static detach(member: Cancellable): void {
    const { source } = member;
    if (source === undefined) return;
    source.#unlink(member);
    if (member.isWait) source.waitEnds();
    if (source.#first === undefined) source.emptied();
  }

  /** A wait was added to this source or to one that hangs on it. */
  waitBegins(): void {
    if (this.#waits++ === 0) this.waitedFor(true);
  }

  waitEnds(): void {
    if (--this.#waits === 0) this.waitedFor(false);
  }

  protected cancelMembers(): void {
    for (let member = this.#first; member !== undefined; member = this.#first) {
      this.#unlink(member);
      member.canceledBy(this);
    }
    if (this.#waits === 0) return;
    this.#waits = 0;
    this.waitedFor(false);
  }

  /** The list got its first member, or lost its last. */
  protected filled(): void {}
  protected emptied(): void {}
  /** The first wait began, or the last one ended. */
  protected waitedFor(_is: boolean): void {}

  #unlink(member: Cancellable): void {
    const { previousInSource: previous, nextInSource: next } = member;
    if (previous === undefined) this.#first = next;
    else previous.nextInSource = next;
    if (next === undefined) this.#last = previous;
    else next.previousInSource = previous;
    member.source = undefined;
    member.previousInSource = undefined;
    member.nextInSource = undefined;
  }
}

/** The source of each AbortSignal that a wait has named, and of each that a context made. */
const sources = new WeakMap<AbortSignal, CancellationSource>();

/**
 * Says that `signal` is that of `source`: a wait that names it is then the same as one that names the context, and its
 * deadline keeps the process alive.
 *
 * @internal
 */
export function ownSignal(signal: AbortSignal, source: CancellationSource): void {
  sources.set(signal, source);
}

/**
 * The source of an AbortSignal that is no context's.
 *
 * @internal
 */
export class SignalSource extends CancellationSource {
  readonly signal: AbortSignal;
  #err: ContextError | undefined;
  readonly #onAbort = (): void => {
    this.signal.removeEventListener('abort', this.#onAbort);
    this.cancelMembers();
  };

  static of(signal: AbortSignal): CancellationSource {
    let source = sources.get(signal);
    if (source === undefined) {
      source = new SignalSource(signal);
      sources.set(signal, source);
    }
    return source;
  }

  private constructor(signal: AbortSignal) {
    super();
    this.signal = signal;
  }

  get canceled(): boolean {
    return this.signal.aborted;
  }

  get reason(): unknown {
    return this.signal.reason;
  }

  get cause(): unknown {
    return this.signal.reason;
  }

  /** A context's error where the signal is a context's, else one with the signal's reason as its cause. */
  get err(): ContextError | undefined {
    if (this.#err === undefined && this.canceled) this.#err = contextError(this.reason);
    return this.#err;
  }

  protected override filled(): void {
    this.signal.addEventListener('abort', this.#onAbort);
  }

  protected override emptied(): void {
    this.signal.removeEventListener('abort', this.#onAbort);
  }
}

function contextError(reason: unknown): ContextError {
  if (reason instanceof CanceledError || reason instanceof DeadlineExceededError) return reason;
  // What AbortSignal.timeout() aborts with.
  const timedOut = (reason as { name?: unknown } | null | undefined)?.name === 'TimeoutError';
  return timedOut ? new DeadlineExceededError({ cause: reason }) : new CanceledError({ cause: reason });
}

/**
 * Where a Context keeps its source. A symbol of this copy of the package: a Context of another copy is taken for any object
 * that has a signal.
 *
 * @internal
 */
export const sourceOf = Symbol('sluice.cancellationSource');

function isAbortSignal(value: object): value is AbortSignal {
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/**
 * The source of an AbortSignal, a Context or another object that has a signal.
 *
 * @internal
 * @throws InvalidArgTypeError
 */
export function cancellationSource(name: string, value: unknown): CancellationSource {
  if (typeof value === 'object' && value !== null) {
    const own = (value as { [sourceOf]?: CancellationSource })[sourceOf];
    if (own !== undefined) return own;
    if (isAbortSignal(value)) return SignalSource.of(value);
    const { signal } = value as Partial<HasSignal>;
    if (typeof signal === 'object' && signal !== null && isAbortSignal(signal))
      return SignalSource.of(signal);
  }
  throw new InvalidArgTypeError(name, 'an AbortSignal or a Context', value);
}

/**
 * The source that the options of a wait name.
 *
 * @internal
 * @throws InvalidArgTypeError
 */
export function waitSource(options: WaitOptions | undefined): CancellationSource | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgTypeError('options', 'an object', options);
  return options.signal === undefined ? undefined : cancellationSource('options.signal', options.signal);
}
