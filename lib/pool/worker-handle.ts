/** A worker as the pool's maker sees it: its thread, what it says, and how it ended. */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Loss } from './loss.js';
import type { FromWorker, ToWorker, ValueMessage, WorkerStart } from './messages.js';
import type { ResolvedPoolOptions } from './options.js';
import type { WorkerLossCause } from './pool-error.js';
import { describeThrown } from './thrown.js';
import { type Delivery, type Payload, ValuePort } from './value-port.js';

export type WorkerState = 'starting' | 'ready' | 'retiring' | 'ended';

/** Somebody waits for it to be ready, for its answer to a broadcast, or for its end. */
type HoldReason = 'start' | 'broadcast' | 'close';

/** @internal */
export interface WorkerHandleOwner {
  said(worker: WorkerHandle, message: FromWorker, delivery: Delivery | undefined): void;
  /** Whether a record says when the value of the task in `slot` is to be taken. */
  awaitsRecord(slot: number): boolean;
  /** The thread is gone; everything that it said has been handed on. */
  ended(worker: WorkerHandle): void;
}

const entry = new URL('../worker.js', import.meta.url);

/** Options that say how modules are loaded; those with a value may have it in the next argument. */
const WITH_VALUE = new Set([
  '--import',
  '--require',
  '-r',
  '--loader',
  '--experimental-loader',
  '--conditions',
  '-C',
]);
const OPTIONS_OF_MODULES = new Set([
  ...WITH_VALUE,
  '--experimental-strip-types',
  '--experimental-transform-types',
  '--enable-source-maps',
  '--no-warnings',
]);

/**
 * What a program given on the command line is, is no matter of a module's. Undefined: the thread inherits by itself, options of V8
 * included, which Node.js would refuse if they were given.
 */
function inheritable(execArgv: string[]): string[] | undefined {
  if (!execArgv.some((arg) => arg.startsWith('--input-type'))) return undefined;
  const kept: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const [name] = execArgv[i]!.split('=', 1);
    if (!OPTIONS_OF_MODULES.has(name!)) continue;
    kept.push(execArgv[i]!);
    if (WITH_VALUE.has(name!) && name === execArgv[i]) kept.push(execArgv[++i]!);
  }
  return kept;
}

/** @internal */
export class WorkerHandle {
  /** Its number in the pool, from 1. */
  readonly index: number;
  readonly threadId: number;
  readonly #thread: Worker;
  readonly #values: ValuePort<FromWorker, ToWorker>;
  readonly #owner: WorkerHandleOwner;
  /** Values that came as events before the records that say where they belong. */
  readonly #early: { message: ValueMessage; delivery: Delivery }[] = [];
  state: WorkerState = 'starting';
  /** Why the pool ended it. */
  #endedFor: WorkerLossCause | undefined;
  #error: unknown;
  #exitCode: number | undefined;
  #saidExit = false;
  readonly #holds = new Set<HoldReason>();
  /** It was told to end before it did. */
  wasRetiring = false;
  onEnd: () => void = () => {};
  readyAt = 0;
  /** It is to be replaced as soon as there is room for a successor. */
  wantsRetirement = false;
  /** Tasks that were given to it alone. */
  direct = 0;
  /** What it had counted when the pool last looked whether it is idle. */
  seenBegun = -1;

  constructor(options: ResolvedPoolOptions, start: WorkerStart, owner: WorkerHandleOwner) {
    this.index = start.worker;
    this.#owner = owner;
    const { port1, port2 } = new MessageChannel();
    const execArgv = options.execArgv ?? inheritable(process.execArgv);
    this.#thread = new Worker(entry, {
      name: `${options.name}-${start.worker}`,
      workerData: { sluice: start, port: port2 },
      transferList: [port2],
      ...(options.resourceLimits && { resourceLimits: options.resourceLimits }),
      ...(execArgv && { execArgv }),
      ...(options.env && { env: options.env }),
    });
    this.threadId = this.#thread.threadId;
    this.#thread.unref();
    this.#values = new ValuePort(port1, (message, delivery) => this.#take(message, delivery));
    this.#values.listen();
    port1.unref();
    this.#thread.on('error', (error) => {
      this.#error = error;
    });
    this.#thread.on('exit', (code) => {
      this.#exitCode = code;
      this.#values.takeAll();
      this.wasRetiring = this.state === 'retiring';
      this.state = 'ended';
      port1.close();
      owner.ended(this);
      this.onEnd();
    });
  }

  #take(message: FromWorker, delivery: Delivery | undefined): void {
    if (message.type === 'value' && this.#owner.awaitsRecord(message.slot))
      this.#early.push({ message, delivery: delivery! });
    else if (message.type === 'exiting') this.#saidExit = true;
    else this.#owner.said(this, message, delivery);
  }

  /** The value that a record names. It was posted before the record was written, so it is here. */
  takeValue(slot: number, generation: number): { kind: number; delivery: Delivery } | undefined {
    const find = () =>
      this.#early.findIndex(({ message }) => message.slot === slot && message.generation === generation);
    let at = find();
    if (at < 0) {
      this.#values.takeAll();
      at = find();
    }
    if (at < 0) return undefined;
    const [{ message, delivery }] = this.#early.splice(at, 1) as [
      { message: ValueMessage; delivery: Delivery },
    ];
    return { kind: message.kind, delivery };
  }

  /** @throws CodecError when no port carries the payload */
  post(message: ToWorker, payload?: Payload): void {
    this.#values.send(message, payload);
  }

  /** `closing`: also said to a worker that is retiring already, since it may wait for tasks that nobody else would run. */
  retire(closing = false): void {
    if (this.state === 'ended' || (this.state === 'retiring' && !closing)) return;
    this.state = 'retiring';
    this.post({ type: 'retire', closing });
  }

  /** Ends the thread in the middle of whatever it does. */
  terminate(reason: WorkerLossCause): void {
    if (this.state === 'ended' || this.#endedFor !== undefined) return;
    this.#endedFor = reason;
    void this.#thread.terminate();
  }

  /** Whether the thread keeps the process alive, for one of several reasons. It does not at first. */
  hold(why: HoldReason, hold: boolean): void {
    if (hold) this.#holds.add(why);
    else this.#holds.delete(why);
    if (this.state === 'ended') return;
    if (this.#holds.size > 0) this.#thread.ref();
    else this.#thread.unref();
  }

  get loss(): Loss {
    const error = this.#error;
    const outOfMemory = (error as { code?: unknown } | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const reason: WorkerLossCause =
      this.#endedFor ??
      (outOfMemory
        ? 'out-of-memory'
        : error !== undefined
          ? 'error'
          : this.#saidExit
            ? 'exit'
            : 'terminated');
    return {
      reason,
      exitCode: this.#exitCode,
      threadId: this.threadId,
      ...(error !== undefined && { cause: describeThrown(error, false) }),
    };
  }
}
