// One way in which the tasks of a pool come to an end, in a process of its own that nothing else keeps alive.
import { WorkerPool } from '../../dist/index.js';

const TASKS = new URL('./pool-tasks.mjs', import.meta.url);
const FAILS = 'data:text/javascript,throw new Error("does not load")';
const makePool = (options, module = TASKS) => new WorkerPool(module, { workers: 1, graceMs: 20, ...options });
const codeOf = (promise) =>
  promise.then(String, (error) => (typeof error.code === 'string' ? error.code : error.name));

const endings = {
  async 'nothing was submitted'(pool = makePool()) {
    return pool.stats().submitted;
  },
  'a task that returned': (pool = makePool()) => codeOf(pool.run('add', [1, 2])),
  'a timeout before the worker was up': (pool = makePool()) =>
    codeOf(pool.run('add', [1, 2], { timeout: 1 })),
  async 'an abort before the worker was up'(pool = makePool()) {
    const controller = new AbortController();
    const task = codeOf(pool.run('add', [1, 2], { signal: controller.signal }));
    controller.abort();
    return task;
  },
  async 'an abort of a task that waits for its key'(pool = makePool()) {
    const controller = new AbortController();
    const first = pool.run('later', [20, 'first'], { key: 'k' });
    const second = codeOf(pool.run('add', [1, 2], { key: 'k', signal: controller.signal }));
    controller.abort();
    return [await first, await second].join();
  },
  'a timeout of a task that goes on': (pool = makePool()) => codeOf(pool.run('spin', [], { timeout: 50 })),
  async 'an abort of a task that heeds it'(pool = makePool()) {
    const memory = new SharedArrayBuffer(8);
    const controller = new AbortController();
    const task = codeOf(pool.run('untilAborted', [memory], { signal: controller.signal }));
    while (Atomics.load(new Int32Array(memory), 0) === 0) await new Promise(setImmediate);
    controller.abort();
    return task;
  },
  async 'a map that was left early'(pool = makePool()) {
    for await (const value of pool.map('echo', [1, 2, 3, 4, 5, 6, 7, 8])) if (value === 2) break;
    return 'left';
  },
  async 'a map of an endless input that was left early'(pool = makePool({ workers: 2 })) {
    const endless = (function* () {
      for (let i = 0; ; i++) yield i;
    })();
    for await (const value of pool.map('later', endless, { ordered: false })) if (value === undefined) break;
    return 'left';
  },
  async 'a stream that was left early'(pool = makePool()) {
    for await (const value of await pool.run('numbers', [1000])) if (value === 5) break;
    return 'left';
  },
  'a module that does not load': (pool = makePool({}, FAILS)) => codeOf(pool.run('add', [1, 2])),
  'a module that does not load, awaited by ready()': (pool = makePool({}, FAILS)) => codeOf(pool.ready()),
  async 'a module that does not load, and nobody waits'(pool = makePool({ onWorkerLost: () => {} }, FAILS)) {
    return pool.stats().submitted;
  },
  'a handler that is not there': (pool = makePool()) => codeOf(pool.run('missing')),
  'a worker that exited': (pool = makePool()) => codeOf(pool.run('exit', [3])),
  'a result that can not be cloned': (pool = makePool()) => codeOf(pool.run('giveFunction')),
  async 'a queue that refuses'(pool = makePool({ queue: { capacity: 1, whenFull: 'reject' } })) {
    const tasks = Array.from({ length: 5 }, () => codeOf(pool.run('add', [1, 2], { timeout: 60_000 })));
    return (await Promise.all(tasks)).join();
  },
  async 'a queue that drops, and a timeout'(
    pool = makePool({ queue: { capacity: 1, whenFull: 'drop-oldest' } }),
  ) {
    const tasks = Array.from({ length: 3 }, () => codeOf(pool.run('add', [1, 2], { timeout: 1 })));
    return (await Promise.all(tasks)).join();
  },
  async 'a task that nobody awaits'(pool = makePool()) {
    const memory = new SharedArrayBuffer(4);
    pool.go('mark', [memory, 0]);
    process.on('exit', () => console.log(`began ${new Int32Array(memory)[0]} time`));
    return 'gone';
  },
  'tasks of tasks': (pool = makePool()) => codeOf(pool.run('nested', [20])),
  async 'a close'(pool = makePool()) {
    const task = codeOf(pool.run('add', [1, 2]));
    await pool.close();
    return task;
  },
  async 'a close that cuts'(pool = makePool()) {
    const task = codeOf(pool.run('later', [60_000]));
    await pool.close({ timeout: 20 });
    return task;
  },
};

const ending = endings[process.argv[2]];
if (process.argv[2] === '--names') console.log(Object.keys(endings).join('\n'));
else console.log(await ending());
