/**
 * Contexts: cancellation, deadlines and values that go down a tree of calls, as in Go's package context.
 *
 * A context is two things. Its *node* has the parent and, in a value context, a key and a value: lookups walk up the nodes.
 * Its *source* (cancellation.ts) says whether it is done and holds what must then end: waits, functions and the sources of
 * child contexts, in one list. A child that ends takes itself out of its parent's list; nothing is left of it there.
 */
import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError } from '../errors.js';
import { checkFunction, checkOptions } from '../validate.js';
import {
  type Cancellable,
  CancellationSource,
  cancellationSource,
  type HasSignal,
  ownSignal,
  sourceOf,
} from '../waiting/cancellation.js';
import { CanceledError, type ContextError, DeadlineExceededError } from '../waiting/context-error.js';
import { type Timed, TimerHeap, timers } from '../waiting/timer-heap.js';
import { type ContextHandle, contextHandle, openSource } from './shared-context.js';

/** A scope that may end: for a request, a connection, a shut-down. Passed as `signal` to every wait. */
export interface Context extends HasSignal {
  /**
   * The context as an AbortSignal, for `fetch`, `timers/promises`, `AbortSignal.any`, …; made on first use. Its reason is
   * {@link Context.err}.
   */
  readonly signal: AbortSignal;
  /** When it ends at the latest. */
  readonly deadline: Date | undefined;
  /** Why it is done; undefined while it is not. */
  readonly err: ContextError | undefined;
  /** What was given to `cancel` first, here or in a parent; else `err`. Undefined while it is not done. */
  readonly cause: unknown;
  /** The value of `key` here or in the nearest parent that has it. */
  value<T = unknown>(key: unknown): T | undefined;
  /**
   * Can be posted to other threads, where {@link openContext} makes a child of it: made on first use, some 1.5 KiB of shared
   * memory. Values (`withValue`) stay behind.
   */
  readonly handle: ContextHandle;
  /**
   * Calls `fn` in a microtask once the context is done, at once if it is. The function returned takes that back: true when
   * `fn` will not run, false when it has been started or taken back before.
   */
  afterFunc(fn: () => void): () => boolean;
}

/** A context that its owner ends. Whoever makes one cancels it when the work is over: `using child = withCancel(ctx)`. */
export interface CancelContext extends Context, Disposable {
  /** Ends it and all its children. Only the first call has an effect. */
  cancel(cause?: unknown): void;
}

/** Options of {@link withTimeout} and {@link withDeadline}. */
export interface DeadlineOptions {
  /** The context's `cause` when the deadline ends it. Default: its `err`. */
  cause?: unknown;
}

/** Cannot be canceled: keeps no list, so that nothing gathers in it. */
class NeverSource extends CancellationSource {
  #controller: AbortController | undefined;
  readonly canceled = false;
  readonly reason = undefined;
  readonly err = undefined;
  readonly cause = undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      ownSignal(this.#controller.signal, this);
    }
    return this.#controller.signal;
  }

  override add(_member: Cancellable): void {}
}

/** Canceled by its owner, by its parent or by a deadline. */
class CancelSource extends CancellationSource implements Cancellable, Timed {
  canceled = false;
  #controller: AbortController | undefined;
  /** Made when it is first asked for: most contexts are canceled when their work is over, and then nobody looks. */
  #err: ContextError | undefined;
  #cause: unknown;
  #timedOut = false;
  /** The parent that canceled it, and has `err` and `cause`. */
  #canceledParent: CancellationSource | undefined;

  // In the parent's list.
  source: CancellationSource | undefined;
  previousInSource: Cancellable | undefined;
  nextInSource: Cancellable | undefined;
  isWait = false;

  // In the timer heap, when its deadline is its own.
  heap: TimerHeap | undefined;
  heapIndex = 0;
  heapOrder = 0;
  held = false;

  constructor(parent: CancellationSource, dueAt = Infinity, deadline = Number.NaN, timeoutCause?: unknown) {
    const isEarlier = dueAt < parent.dueAt;
    super(
      isEarlier ? dueAt : parent.dueAt,
      isEarlier ? deadline : parent.deadline,
      isEarlier ? timeoutCause : parent.deadlineCause,
    );
    if (parent.canceled) {
      this.canceledBy(parent);
      return;
    }
    parent.add(this);
    if (!isEarlier) return;
    if (dueAt <= timers().clock.now()) this.expired();
    else timers().add(this);
  }

  cancel(cause: unknown): void {
    if (this.canceled) return;
    this.#cause = cause;
    this.#end();
  }

  canceledBy(parent: CancellationSource): void {
    this.#canceledParent = parent;
    this.#end();
  }

  expired(): void {
    this.#timedOut = true;
    this.#cause = this.deadlineCause;
    this.#end();
  }

  #end(): void {
    this.canceled = true;
    CancellationSource.detach(this);
    TimerHeap.remove(this);
    this.#controller?.abort(this.err);
    this.cancelMembers();
  }

  get err(): ContextError | undefined {
    if (!this.canceled) return undefined;
    if (this.#canceledParent !== undefined) return this.#canceledParent.err;
    if (this.#err === undefined) {
      const options = this.#cause === undefined ? undefined : { cause: this.#cause };
      this.#err = this.#timedOut ? new DeadlineExceededError(options) : new CanceledError(options);
    }
    return this.#err;
  }

  get reason(): unknown {
    return this.err;
  }

  get cause(): unknown {
    return this.#canceledParent === undefined ? (this.#cause ?? this.err) : this.#canceledParent.cause;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      ownSignal(this.#controller.signal, this);
      if (this.canceled) this.#controller.abort(this.err);
    }
    return this.#controller.signal;
  }

  protected override waitedFor(is: boolean): void {
    TimerHeap.hold(this, is);
    this.isWait = is;
    if (is) this.source?.waitBegins();
    else this.source?.waitEnds();
  }
}

class AfterFunc implements Cancellable {
  source: CancellationSource | undefined;
  previousInSource: Cancellable | undefined;
  nextInSource: Cancellable | undefined;
  readonly isWait = false;
  readonly #fn: () => void;
  #pending = true;

  constructor(fn: () => void) {
    this.#fn = fn;
  }

  canceledBy(): void {
    this.#pending = false;
    queueMicrotask(this.#fn);
  }

  stop(): boolean {
    if (!this.#pending) return false;
    this.#pending = false;
    CancellationSource.detach(this);
    return true;
  }
}

/** The latest moment that a Date can name. */
const LATEST_DATE_MS = 8.64e15;

class ContextNode implements Context {
  readonly #parent: ContextNode | undefined;
  readonly #key: unknown;
  readonly #value: unknown;
  readonly [sourceOf]: CancellationSource;

  constructor(parent: ContextNode | undefined, source: CancellationSource, key?: unknown, value?: unknown) {
    this.#parent = parent;
    this[sourceOf] = source;
    this.#key = key;
    this.#value = value;
  }

  get signal(): AbortSignal {
    return this[sourceOf].signal;
  }

  get deadline(): Date | undefined {
    const { deadline } = this[sourceOf];
    return Number.isNaN(deadline) ? undefined : new Date(deadline);
  }

  get err(): ContextError | undefined {
    return this[sourceOf].err;
  }

  get cause(): unknown {
    return this[sourceOf].cause;
  }

  get handle(): ContextHandle {
    return contextHandle(this[sourceOf]);
  }

  value<T>(key: unknown): T | undefined {
    if (key === undefined) return undefined; // the key of a node without a value
    for (let node: ContextNode | undefined = this; node !== undefined; node = node.#parent) {
      if (Object.is(node.#key, key)) return node.#value as T;
    }
    return undefined;
  }

  afterFunc(fn: () => void): () => boolean {
    const source = this[sourceOf];
    const member = new AfterFunc(checkFunction('fn', fn));
    if (source.canceled) member.canceledBy();
    else source.add(member);
    return () => member.stop();
  }
}

class CancelNode extends ContextNode implements CancelContext {
  declare readonly [sourceOf]: CancelSource;

  constructor(parent: ContextNode, dueAt?: number, deadline?: number, timeoutCause?: unknown) {
    super(parent, new CancelSource(parent[sourceOf], dueAt, deadline, timeoutCause));
  }

  cancel(cause?: unknown): void {
    this[sourceOf].cancel(cause);
  }

  [Symbol.dispose](): void {
    this[sourceOf].cancel(undefined);
  }
}

const root = new ContextNode(undefined, new NeverSource());

/** The root of all contexts: never done, no deadline, no values. */
export function background(): Context {
  return root;
}

function checkParent(parent: Context): ContextNode {
  if (parent instanceof ContextNode) return parent;
  throw new InvalidArgTypeError('parent', 'a Context (contextFrom makes one from an AbortSignal)', parent);
}

/**
 * A child that can be canceled. It is done when `cancel` is called or its parent is done, whichever is first.
 *
 * @example
 * import { setTimeout as sleep } from 'node:timers/promises';
 *
 * using child = withCancel(ctx);
 * const ask = (ms: number) => sleep(ms, `answered in ${ms} ms`, { signal: child.signal });
 * const first = await Promise.any([ask(10), ask(60_000)]);
 * child.cancel(); // the slower one, and its timer, are gone
 * console.log(first); // prints: answered in 10 ms
 */
export function withCancel(parent: Context): CancelContext {
  return new CancelNode(checkParent(parent));
}

/**
 * A child that ends after `ms` milliseconds, or with its parent, whose earlier deadline wins. A deadline keeps the process
 * alive only while something waits with it.
 *
 * @example
 * import { setTimeout as sleep } from 'node:timers/promises';
 *
 * using limited = withTimeout(ctx, 20);
 * await sleep(2000, undefined, { signal: limited.signal }).catch(() => {});
 * console.log(limited.err?.code); // prints: ERR_DEADLINE_EXCEEDED
 */
export function withTimeout(parent: Context, ms: number, options?: DeadlineOptions): CancelContext {
  const node = checkParent(parent);
  if (typeof ms !== 'number') throw new InvalidArgTypeError('ms', 'a number', ms);
  if (!(ms >= 0 && ms < Infinity)) throw new OutOfRangeError('ms', 'finite and not negative', ms);
  const { cause } = checkOptions('options', options, ['cause']);
  const { clock } = timers();
  return new CancelNode(node, clock.now() + ms, Math.min(clock.wallTime() + ms, LATEST_DATE_MS), cause);
}

/** As {@link withTimeout}, with the moment given. One that has passed gives a context that is done. */
export function withDeadline(parent: Context, deadline: Date, options?: DeadlineOptions): CancelContext {
  const node = checkParent(parent);
  if (!(deadline instanceof Date)) throw new InvalidArgTypeError('deadline', 'a Date', deadline);
  const time = deadline.getTime();
  if (Number.isNaN(time)) throw new InvalidArgValueError('deadline', 'must be a valid date', deadline);
  const { cause } = checkOptions('options', options, ['cause']);
  const { clock } = timers();
  return new CancelNode(node, clock.now() + (time - clock.wallTime()), time, cause);
}

/**
 * A child that has `value` under `key`, for what belongs to a request and crosses layers (a trace, a user), not for
 * optional arguments. Keys are compared by identity: use a symbol or an object of the module's own.
 */
export function withValue(parent: Context, key: unknown, value: unknown): Context {
  const node = checkParent(parent);
  if (key === undefined || key === null)
    throw new InvalidArgValueError('key', 'must not be null or undefined', key);
  return new ContextNode(node, node[sourceOf], key, value);
}

/** A child with its parent's values that is not done when the parent is: for work that outlives a request. */
export function withoutCancel(parent: Context): Context {
  return new ContextNode(checkParent(parent), root[sourceOf]);
}

/**
 * The context of an AbortSignal: done when the signal is aborted, with the signal's reason as `cause`. Its `signal` is
 * `signal` itself. (The signal of a context gives a context with that one's deadline and cause, but not its values.)
 */
export function contextFrom(signal: AbortSignal | HasSignal): Context {
  if (signal instanceof ContextNode) return signal;
  return new ContextNode(undefined, cancellationSource('signal', signal));
}

/**
 * The child of a context of another thread of this process. It is done when that context is, with its cause (of an error:
 * name, message and `code`), at its deadline, with the cause given for that, or when it is canceled itself, which changes nothing in the other thread. If the
 * other thread ends first, the child is canceled with the cause `ERR_CONTEXT_LOST`.
 *
 * @throws InvalidArgTypeError, SharedMemoryError when `handle` is not the handle of a context of this process
 * @example
 * using parent = withCancel(background());
 * const child = openContext(parent.handle); // in a worker that was given the handle
 * child.afterFunc(() => console.log(String(child.cause))); // prints: enough
 * parent.cancel('enough');
 */
export function openContext(handle: ContextHandle): CancelContext {
  const { source, deadline, deadlineCause } = openSource(handle);
  const node = new ContextNode(undefined, source);
  if (Number.isNaN(deadline)) return new CancelNode(node);
  const { clock } = timers();
  return new CancelNode(node, clock.now() + (deadline - clock.wallTime()), deadline, deadlineCause);
}
