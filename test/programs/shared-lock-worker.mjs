// One thread of the tests of locks across threads: opens what it is given and plays a role.
import { parentPort, workerData } from 'node:worker_threads';
import { openBarrier, openMutex, openOnce, openRWMutex, openSemaphore, openWaitGroup } from 'sluice';

const { role } = workerData;
const open = {
  mutex: openMutex,
  rwMutex: openRWMutex,
  semaphore: openSemaphore,
  waitGroup: openWaitGroup,
  barrier: openBarrier,
  once: openOnce,
};
const kind = Object.keys(open).find((name) => workerData[name] !== undefined);
const lock = open[kind](workerData[kind]);
const say = (what) => parentPort.postMessage(what);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const forEver = () => setInterval(() => {}, 1000);

/** Now and then a task stays over a turn of the loop, or gives up: its signal fires while it may be waiting. */
async function withLock(acquire, pauses, work) {
  let signal;
  if (Math.random() < pauses) {
    const controller = new AbortController();
    signal = controller.signal;
    if (Math.random() < 0.5) queueMicrotask(() => controller.abort());
    else setImmediate(() => controller.abort());
  }
  let held;
  try {
    held = await acquire({ signal });
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return false;
    throw error;
  }
  try {
    work();
    if (Math.random() < pauses) await turn();
    work();
  } finally {
    held.release();
  }
  return true;
}

const roles = {
  /** Adds 2 to a plain counter, `count` times, in `tasks` tasks at once. */
  async count() {
    const { counter, count, tasks, pauses } = workerData;
    let left = count;
    const task = async () => {
      while (left > 0) {
        left--;
        const done = await withLock(
          (options) => lock.lock(options),
          pauses,
          () => {
            counter[0] = counter[0] + 1;
          },
        );
        if (!done) left++;
      }
    };
    await Promise.all(Array.from({ length: tasks }, task));
    say(count);
  },

  /** Reads and writes a pair of words that are equal outside of writers. */
  async readAndWrite() {
    const { pair, count, pauses } = workerData;
    let torn = 0;
    for (let i = 0; i < count; ) {
      const writes = Math.random() < 0.2;
      const done = writes
        ? await withLock(
            (options) => lock.lock(options),
            pauses,
            () => {
              pair[0]++;
              pair[1]++;
            },
          )
        : await withLock(
            (options) => lock.readLock(options),
            pauses,
            () => {
              if (pair[0] !== pair[1]) torn++;
            },
          );
      if (done) i++;
    }
    say(torn);
  },

  /** Counts who is inside. */
  async share() {
    const { inside, permits, count, pauses } = workerData;
    let tooMany = 0;
    for (let i = 0; i < count; ) {
      const weight = 1 + Math.floor(Math.random() * permits);
      let entered = false;
      const done = await withLock(
        (options) => lock.acquire(weight, options),
        pauses,
        () => {
          if (!entered && Atomics.add(inside, 0, weight) + weight > permits) tooMany++;
          if (entered) Atomics.sub(inside, 0, weight);
          entered = !entered;
        },
      );
      if (done) i++;
    }
    say(tooMany);
  },

  /** Holds what it is told to and says so, until it is terminated or told to exit. */
  async hold() {
    const { how = 'lock', times = 1 } = workerData;
    for (let i = 0; i < times; i++) globalThis[`held${i}`] = await lock[how]();
    say('held');
    forEver();
    parentPort.on('message', (message) => {
      if (message === 'exit') process.exit(3);
      if (message === 'release') for (let i = 0; i < times; i++) globalThis[`held${i}`].release();
    });
  },

  /** Stands in line, and says when it is its turn; notes that in `order`, whose first word counts the notes. */
  async wait() {
    const { how = 'lock', name, order } = workerData;
    const wait = lock[how]();
    say('waiting');
    try {
      const held = await wait;
      if (order !== undefined) order[++order[0]] = name;
      say(['got', name]);
      held?.release();
    } catch (error) {
      say([error.code, error.threadId]);
    }
  },

  /** As a task in the middle of waiting, with its event loop blocked: a hand-off reaches it, and it never knows. */
  async waitDeaf() {
    void lock.lock();
    say('waiting');
    setImmediate(() => {
      Atomics.store(workerData.deaf, 0, 1);
      while (true);
    });
  },

  /** Locks, changes a pair of words one after the other, releases; for ever. Whoever dies between the two poisons it. */
  async changeForEver() {
    const { pair, progress, index, recovered } = workerData;
    for (;;) {
      let held;
      try {
        held = await lock.lock();
      } catch (error) {
        if (error.code !== 'ERR_LOCK_POISONED') throw error;
        held = await lock.recover();
        if (lock.poisoned) {
          pair[1] = pair[0]; // the change that was begun counts
          Atomics.add(recovered, 0, 1);
          held.clearPoison();
        }
      }
      if (pair[0] !== pair[1]) {
        say(`torn: ${pair[0]} ${pair[1]}`);
        return;
      }
      pair[0]++;
      const before = Math.random() < 0.1 ? turn() : undefined;
      if (before !== undefined) await before;
      for (let i = 0; i < 20; i++) Math.sqrt(i);
      pair[1]++;
      held?.release();
      Atomics.add(progress, index, 1);
    }
  },

  /** Takes and gives back random permits for ever. */
  async shareForEver() {
    const { progress, index, permits } = workerData;
    for (;;) {
      const held = await lock.acquire(1 + Math.floor(Math.random() * permits));
      if (Math.random() < 0.1) await turn();
      held?.release();
      Atomics.add(progress, index, 1);
    }
  },

  /** Runs tasks of a WaitGroup: `count` of them end, and `endless` do not. */
  async tasks() {
    const { count = 0, endless = 0 } = workerData;
    for (let i = 0; i < endless; i++) void lock.go(() => new Promise(forEver));
    for (let i = 0; i < count; i++) {
      void lock.go(async () => {
        if (i % 8 === 0) await turn();
      });
    }
    say('started');
  },

  /** Takes off `count` what another thread has counted. */
  async done() {
    for (let i = 0; i < workerData.count; i++) {
      lock.done();
      if (i % 16 === 0) await turn();
    }
  },

  /** Starts tasks and waits for the group, for ever. */
  async tasksForEver() {
    const { progress, index } = workerData;
    for (;;) {
      void lock.go(async () => {
        if (Math.random() < 0.1) await turn();
      });
      if (Math.random() < 0.1) await lock.wait().catch(() => {});
      Atomics.add(progress, index, 1);
    }
  },

  /** Goes through rounds of a barrier, with `tasks` tasks: nobody may be a round ahead. */
  async meet() {
    const { reached, index, rounds, tasks = 1 } = workerData;
    let last = 0;
    let ahead = 0;
    const task = async (at) => {
      for (let round = 1; round <= rounds; round++) {
        if (Math.random() < 0.1) await turn();
        Atomics.store(reached, at, round);
        if ((await lock.wait()) === lock.parties - 1) last++;
        for (let i = 0; i < reached.length; i++) if (Atomics.load(reached, i) < round) ahead++;
      }
    };
    await Promise.all(Array.from({ length: tasks }, (_, i) => task(index * tasks + i)));
    say({ last, ahead });
  },

  /** Arrives `times` times, then lives on. */
  async arrive() {
    const { times = 1 } = workerData;
    for (let i = 0; i < times; i++) {
      const arrived = lock.wait();
      say('arrived');
      await arrived.then(say, (error) => say([error.code, error.threadId]));
    }
    forEver();
  },

  /** Asks a Once for its value; the function counts its calls. */
  async ask() {
    const { calls, how = 'do', hangs = false } = workerData;
    try {
      const value = await lock[how](async () => {
        Atomics.add(calls, 0, 1);
        await turn();
        if (hangs) {
          say('running');
          await new Promise(forEver);
        }
        return { ran: workerData.name };
      });
      say(value);
    } catch (error) {
      say([error.code, error.threadId, error.message]);
    }
  },

  /** Opens and waits for nothing: the thread ends by itself. */
  async open() {
    say(lock.poisoned);
  },
};

await roles[role]();
