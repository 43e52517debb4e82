// A worker of the tests of channels across threads: does what `workerData.role` says, then posts what came of it.
import { parentPort, workerData } from 'node:worker_threads';
import * as sluice from '../../dist/index.js';

const { openChannel, openContext, select, recv, send } = sluice;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const roles = {
  /** Sends `producer * 2^24 + number` for each number below `count`, in batches of `batch`; 1 sends singly. */
  async produce({ handle, producer, count, batch = 1, pauses = 0 }) {
    const out = openChannel(handle);
    for (let i = 0; i < count; ) {
      if (batch === 1) await out.send(producer * 2 ** 24 + i++);
      else {
        const values = [];
        for (; i < count && values.length < batch; i++) values.push(producer * 2 ** 24 + i);
        await out.sendMany(values);
      }
      if (pauses > 0 && Math.random() < pauses) await pause(1);
    }
    return count;
  },

  /** Receives until the channel is closed: how many and which sum from each producer, and whether each one's order was kept. */
  async consume({ handle, producers, batch = 1, pauses = 0, selects = false }) {
    const input = openChannel(handle);
    const counts = new Array(producers).fill(0);
    const sums = new Array(producers).fill(0);
    const last = new Array(producers).fill(-1);
    let ordered = true;
    const take = (value) => {
      const producer = Math.floor(value / 2 ** 24);
      const number = value % 2 ** 24;
      ordered &&= number > last[producer];
      last[producer] = number;
      counts[producer]++;
      sums[producer] += number;
    };
    for (;;) {
      if (batch > 1) {
        const values = await input.recvMany(batch);
        if (values.length === 0) break;
        values.forEach(take);
      } else {
        const got = selects
          ? await select({ value: recv(input), late: sluice.after(1) })
          : await input.recv();
        if (got.case === 'late') continue;
        if (!got.ok) break;
        take(got.value);
      }
      if (pauses > 0 && Math.random() < pauses) await pause(1);
    }
    return { counts, sums, ordered };
  },

  /** Sends back what it receives. */
  async echo({ handle, back, batch = 1 }) {
    const [input, output] = [openChannel(handle), openChannel(back)];
    if (batch === 1) for await (const value of input) await output.send(value);
    else
      for (let values = await input.recvMany(batch); values.length > 0; values = await input.recvMany(batch))
        await output.sendMany(values);
    output.close();
    return 'closed';
  },

  /** Receives from one or sends to the other, `rounds` times, whichever a select picks. */
  async face({ there, back, rounds, id }) {
    const [input, output] = [openChannel(back), openChannel(there)];
    const [sent, received] = [[], []];
    for (let i = 0; i < rounds; i++) {
      const value = id * 2 ** 24 + i;
      const got = await select({ in: recv(input), out: send(output, value), over: sluice.after(4000) });
      if (got.case === 'in') received.push(got.value);
      else if (got.case === 'out') sent.push(value);
      else break;
    }
    return { sent, received };
  },

  /** Random operations with the moments of their begin and end, for the check of linearizability. */
  async record({ handle, clock, producer, operations, start }) {
    const end = openChannel(handle);
    const time = new Int32Array(clock);
    const now = () => Atomics.add(time, 0, 1);
    Atomics.add(time, 1, 1);
    while (Atomics.load(time, 1) < start) await pause(0);
    const history = [];
    for (let i = 0; i < operations; i++) {
      const value = producer * 1000 + i;
      const begin = now();
      if (Math.random() < 0.5) {
        const done = end.trySend(value);
        history.push({ kind: 'send', value, done, begin, end: now() });
      } else {
        const got = end.tryRecv();
        history.push({
          kind: 'recv',
          value: got.ok ? got.value : undefined,
          done: got.ok,
          begin,
          end: now(),
        });
      }
      if (Math.random() < 0.2) await pause(0);
    }
    return history;
  },

  /** Receives and sends until it is terminated; counts what it has sent and received in shared memory. */
  async mortal({ handle, producer, counters, kind }) {
    const end = openChannel(handle);
    const words = new Int32Array(counters);
    parentPort.postMessage('ready');
    if (kind === 'produce')
      for (let i = 0; ; i++) {
        await end.send(producer * 2 ** 24 + i);
        Atomics.add(words, producer, 1);
      }
    for (;;) {
      const got = await end.recv();
      if (!got.ok) return 'closed';
      Atomics.add(words, 32 + Math.floor(got.value / 2 ** 24), 1);
    }
  },

  /** Claims room for a message and never fills it. */
  async claim({ handle, length }) {
    openChannel(handle).reserve(length);
    parentPort.postMessage('claimed');
    setInterval(() => {}, 1000);
    await new Promise(() => {});
  },

  async waitReceive({ handle }) {
    const end = openChannel(handle);
    const got = end.recv();
    parentPort.postMessage('waiting');
    return await got;
  },

  async sendAll({ handle, values }) {
    const end = openChannel(handle);
    for (const value of values) await end.send(value);
    return 'sent';
  },

  /** What a context that was opened here ends with. */
  async context({ handle }) {
    const ctx = openContext(handle);
    const channel = sluice.channel();
    parentPort.postMessage({ deadline: ctx.deadline?.getTime(), done: ctx.err !== undefined });
    const error = await channel.recv({ signal: ctx }).catch((reason) => reason);
    const { cause } = ctx;
    return {
      code: error.code,
      name: error.name,
      err: ctx.err.code,
      cause: cause instanceof Error ? { name: cause.name, message: cause.message, code: cause.code } : cause,
    };
  },
};

const done = await roles[workerData.role](workerData);
parentPort.postMessage(done);
