/** What a worker's thread runs: loads the program's module and serves its functions until it is told to stop. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { MessagePort } from 'node:worker_threads';
import { threadId, Waker, WakeSource } from '../memory/waker.js';
import { BroadcastRunner } from './broadcast-runner.js';
import { setCurrentPool, WorkerSidePool } from './current-pool.js';
import type { Handler } from './execution.js';
import type { LaneHandle, LaneRunner, OpenLanes } from './lane-work.js';
import type { FromWorker, ToWorker, WorkerStart } from './messages.js';
import { handlersOf } from './module-handlers.js';
import { Outbox } from './outbox.js';
import { OPEN, PoolMemory, THREAD } from './pool-memory.js';
import { Scheduler } from './scheduler.js';
import { describeThrown } from './thrown.js';
import { type Delivery, ValuePort } from './value-port.js';

const require = createRequire(import.meta.url);
const threads = require('node:worker_threads') as typeof import('node:worker_threads') & {
  workerData: unknown;
};

const { sluice: start, port } = threads.workerData as { sluice: WorkerStart; port: MessagePort };
// What the program's module sees is what the program gave.
threads.workerData = start.workerData;
syncBuiltinESMExports();

const say = (message: FromWorker): void => port.postMessage(message);

// A thread that is terminated and one that exits with 1 look the same from outside.
const exit = process.exit;
process.exit = (code) => {
  say({ type: 'exiting', code: Number(code ?? process.exitCode ?? 0) });
  return exit(code);
};

const CHECK_HEAP_EVERY = 16;
/** Between two messages that lanes wait. */
const LANES_WAIT_MS = 100;

/** Wakes for tasks and for records. */
class Work extends WakeSource {
  readonly #scheduler: Scheduler;
  readonly #memory: PoolMemory;
  readonly #inboxWait: PoolMemory['maker']['inboxWait'];

  constructor(scheduler: Scheduler, memory: PoolMemory, worker: number) {
    super();
    this.held = false; // the port keeps the thread alive until it is told to stop
    this.#scheduler = scheduler;
    this.#memory = memory;
    this.#inboxWait = memory.workers[worker]!.inboxWait;
  }

  poll(): boolean {
    if (!this.#scheduler.hasWork) return false;
    this.#scheduler.scheduleFromPoll();
    return true;
  }

  park(): void {
    this.#scheduler.idling.parks();
    this.#inboxWait.park();
    if (this.#scheduler.mayTakeMore) this.#memory.idle.park();
  }

  unpark(): void {
    this.#scheduler.idling.wokenUp();
    this.#inboxWait.unpark();
    // Chosen to be woken, and about to look: if it leaves work for others, it wakes the next.
    this.#memory.idle.unpark();
  }
}

interface Loaded {
  names: string[];
  handlers: Handler[];
  context: AsyncLocalStorage<unknown> | undefined;
}

async function loadHandlers(): Promise<Loaded> {
  const module = (await import(start.module)) as Record<string, unknown>;
  const handlers = handlersOf(module);
  const context = start.asyncContext === undefined ? undefined : module[start.asyncContext];
  if (start.asyncContext !== undefined && !(context instanceof AsyncLocalStorage))
    throw new TypeError(`its export '${start.asyncContext}' is not an AsyncLocalStorage`);
  if (start.warmUp !== undefined) {
    const warmUp = handlers.get(start.warmUp);
    if (warmUp === undefined) throw new TypeError(`its export '${start.warmUp}' is not a function`);
    await warmUp();
  }
  return {
    names: [...handlers.keys()],
    handlers: [...handlers.values()],
    context: context as AsyncLocalStorage<unknown> | undefined,
  };
}

async function serve({ names, handlers, context }: Loaded, openLanes: OpenLanes): Promise<void> {
  const memory = new PoolMemory(start.memory);
  const values = new ValuePort<ToWorker, FromWorker>(port, take);
  const outbox = new Outbox(memory, start.worker, values);
  const pool = new WorkerSidePool(
    memory,
    start.worker,
    names,
    (message, payload) => values.send(message, payload),
    {
      epoch: start.epoch,
      taskTimeout: start.taskTimeout,
      context,
    },
  );
  const broadcasts = new BroadcastRunner(
    new Map(names.map((name, i) => [name, handlers[i]!])),
    context,
    start.broadcasts.made,
    (message, payload) => values.send(message, payload),
  );
  let isReady = false;
  const dispatches = new Map<number, LaneRunner>();
  const openDispatch = (dispatch: LaneHandle): void => {
    if (dispatches.has(dispatch.id)) return;
    const lanes = openLanes(dispatch, handlers, (error) =>
      say({ type: 'lane-failed', dispatch: dispatch.id, thrown: describeThrown(error, false) }),
    );
    dispatches.set(dispatch.id, lanes);
  };
  /** A lane's number may come before the event that tells of the dispatch; the message was posted first, so it is there. */
  const findDispatch = (id: number): LaneRunner | undefined => {
    values.takeAll();
    return dispatches.get(id);
  };
  let finished = 0;
  let saidLanesWait = -Infinity;
  let asked = false;
  const wantRetirement = (why: 'tasks' | 'heap' | 'age'): void => {
    if (asked) return;
    asked = true;
    say({ type: 'wants-retirement', why });
  };
  const scheduler = new Scheduler(memory, start.worker, {
    handlers,
    concurrency: start.concurrency,
    epoch: start.epoch,
    outbox,
    context,
    host: {
      finished() {
        finished++;
        if (finished >= start.recycle.tasks) wantRetirement('tasks');
        if (
          start.recycle.heapBytes < Infinity &&
          finished % CHECK_HEAP_EVERY === 0 &&
          process.memoryUsage().heapUsed > start.recycle.heapBytes
        )
          wantRetirement('heap');
      },
      rests() {
        if (scheduler.retiring) retireIfDone();
      },
      lanesWait() {
        const now = performance.now();
        if (now - saidLanesWait < LANES_WAIT_MS) return;
        saidLanesWait = now;
        say({ type: 'lanes-wait' });
      },
      takeRecords: () => pool.drain(),
      get hasRecords() {
        return pool.hasRecords;
      },
      get hasUnannounced() {
        return pool.hasUnannounced;
      },
      announceMore: () => pool.announceMore(),
      get outstanding() {
        return pool.outstanding;
      },
      dispatch: (id) => dispatches.get(id) ?? findDispatch(id),
    },
  });
  pool.attach(scheduler);
  if (start.recycle.age < Infinity) setTimeout(() => wantRetirement('age'), start.recycle.age).unref();

  const source = new Work(scheduler, memory, start.worker);
  let retired = false;
  function retireIfDone(): void {
    if (retired || !scheduler.isDone) return;
    retired = true;
    scheduler.giveBack();
    outbox.flush();
    say({ type: 'retired' });
    port.close();
  }
  pool.onIdle = () => {
    if (scheduler.retiring) scheduler.schedule();
  };

  function take(message: ToWorker, delivery: Delivery | undefined): void {
    switch (message.type) {
      case 'task':
        scheduler.addDirect(message, delivery!);
        break;
      case 'retire':
        scheduler.retiring = true;
        scheduler.closing = message.closing;
        scheduler.giveBack();
        scheduler.schedule(); // which ends in leaving, when all is done
        break;
      case 'value':
        pool.valueByPort(message.slot, message.generation, message.kind, delivery!);
        break;
      case 'relayed':
        pool.relayed(message.call, delivery!);
        break;
      case 'relay-failed':
        pool.relayFailed(message.call, delivery!);
        break;
      case 'broadcast':
        broadcasts.take(message, delivery!);
        if (isReady) broadcasts.run();
        break;
      case 'dispatch':
        openDispatch(message.dispatch);
        break;
      case 'dispatch-over':
        dispatches.delete(message.id);
        break;
    }
  }
  for (const dispatch of start.dispatches) openDispatch(dispatch);
  await broadcasts.catchUp(memory, start.broadcasts.kept, () => values.takeAll());
  isReady = true;
  setCurrentPool(pool);
  values.listen();
  Atomics.store(memory.workers[start.worker]!.counters, THREAD, threadId());
  Atomics.store(memory.workers[start.worker]!.counters, OPEN, 1);
  say({ type: 'ready', handlers: names });
  scheduler.start(source, Waker.get());
}

/** Serves the program's module until the thread is told to stop. `openLanes` makes a worker's half of a dispatch. */
export async function runWorker(openLanes: OpenLanes): Promise<void> {
  try {
    await serve(await loadHandlers(), openLanes);
  } catch (error) {
    say({ type: 'failed', thrown: describeThrown(error, false) });
    port.close();
  }
}
