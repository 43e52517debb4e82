// The load of the soak: each of these does one thing over and over until it is told to stop. What comes back is checked.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as openSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ends that workers which die give to the tasks that they ran. */
const isLoss = (error) => error?.code === 'ERR_WORKER_LOST' || error?.code === 'ERR_TASK_TIMEOUT';

function check(condition, what) {
  if (!condition) throw new Error(`soak: ${what}`);
}

/** Runs `task` again and again; a lost worker costs it one round. */
async function forever(state, name, task) {
  while (!state.stopped) {
    try {
      await task();
      state.done[name] = (state.done[name] ?? 0) + 1;
    } catch (error) {
      if (!isLoss(error)) throw error;
      state.lost++;
    }
  }
}

export function startTasks(pool, state) {
  const many = (count, name, task) =>
    Array.from({ length: count }, (_, i) => forever(state, name, () => task(i)));
  const small = new Uint8Array(1024).fill(1);
  const large = new Uint8Array(200_000).fill(2);
  const [ofSmall, ofLarge] = [small, large].map((b) => createHash('sha256').update(b).digest('hex'));
  return [
    ...many(100, 'tasks', async (i) => check((await pool.run('add', [i, 1])) === i + 1, 'add')),
    ...many(20, 'tasks of 1 KiB', async () =>
      check((await pool.run('digest', [small])) === ofSmall, '1 KiB'),
    ),
    ...many(2, 'tasks of 200 KB', async () =>
      check((await pool.run('digest', [large])) === ofLarge, '200 KB'),
    ),
    ...many(4, 'results by message port', async () =>
      check((await pool.run('echo', [large])).length === large.length, 'echo'),
    ),
    ...many(20, 'asynchronous tasks, by key', async (i) =>
      check((await pool.run('later', [1, i], { key: i % 4, priority: i % 3 })) === i, 'later'),
    ),
    ...many(4, 'tasks of tasks', async () => check((await pool.run('sum', [50])) === 1275, 'sum')),
    ...many(4, 'streams', async () => {
      let next = 0;
      const options = { onProgress: (i) => check(i >= 0, 'progress') };
      for await (const { i } of await pool.run('count', [100], options)) check(i === next++, 'stream');
      check(next === 100, 'end of stream');
    }),
    ...many(2, 'streams left', async () => {
      for await (const { i } of await pool.run('count', [1000])) if (i === 10) break;
    }),
    ...many(2, 'maps', async () => {
      let next = 0;
      for await (const value of pool.map(
        'echo',
        Array.from({ length: 200 }, (_, i) => i),
      ))
        check(value === next++, 'map');
    }),
    ...many(2, 'aborts', async () => {
      const signal = AbortSignal.timeout(5);
      const end = await pool.run('later', [50, 0], { signal }).catch((error) => error);
      check(end === 0 || end.name === 'TimeoutError' || isLoss(end), 'abort'); // 0: this thread was late
    }),
  ];
}

/** Ends a worker every so often: by itself, or by a task that does not end. */
export async function startKills(pool, state) {
  for (let i = 0; !state.stopped; i++) {
    await sleep(3000);
    if (state.stopped) break;
    await pool.run(...(i % 2 === 0 ? ['exit', []] : ['spin', [], { timeout: 100 }])).catch((error) => {
      if (!isLoss(error)) throw error;
    });
    state.killed++;
  }
}

const LINES = 100;
/** Sends lines, reads their echoes in order, and now and then begins again with a new connection. */
export function startClients(port, state, count) {
  return Array.from({ length: count }, async () => {
    while (!state.stopped) {
      const socket = openSocket(port, '127.0.0.1');
      socket.setEncoding('latin1');
      await once(socket, 'connect');
      for (let round = 0; round < 500 && !state.stopped; round++) {
        if (!(await exchange(socket))) break; // its frames went down with a worker
        state.done['lines through lanes'] = (state.done['lines through lanes'] ?? 0) + LINES;
      }
      socket.destroy();
      await once(socket, 'close');
    }
  });
}

/** False: an echo was missing. */
async function exchange(socket) {
  let text = '';
  let echoed = 0;
  let last = -1;
  const { promise, resolve } = deferred();
  const take = (chunk) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop();
    for (const line of lines) {
      check(Number(line) > last, `order: ${line} after ${last}`);
      last = Number(line);
      echoed++;
    }
    if (last === LINES - 1) resolve();
  };
  socket.on('data', take);
  const lost = setTimeout(resolve, 2000);
  socket.write(Array.from({ length: LINES }, (_, i) => `${i}\n`).join(''));
  await promise;
  clearTimeout(lost);
  socket.off('data', take);
  return echoed === LINES;
}

function deferred() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
