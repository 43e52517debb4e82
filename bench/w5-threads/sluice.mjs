// sluice.mjs WAY CELL COUNT PLACEMENT: a channel across threads, in the ways that a program can use it. One worker sends, another
// receives; both have what they send or receive in hand as bytes, and touch the first.
import { bytes, openChannel, sharedChannel } from '../../dist/index.js';
import { isMainThread, measureThreads, work, workerData } from './two-threads.mjs';

const MESSAGE_BYTES = 64;
const BATCH = 64;
const CAPACITIES = { single: 1024, batched: 1024, rendezvous: 0 };

/** An await for each send and each receive. */
const awaiting = {
  async produce(to, count) {
    const message = new Uint8Array(MESSAGE_BYTES);
    for (let i = 0; i < count; i++) {
      message[0] = i;
      await to.send(message);
    }
  },
  async consume(from, count) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += (await from.recv()).value[0];
    return sum;
  },
};

/** Awaits only what is not ready. */
const tryFirst = {
  async produce(to, count) {
    const message = new Uint8Array(MESSAGE_BYTES);
    for (let i = 0; i < count; i++) {
      message[0] = i;
      if (!to.trySend(message)) await to.send(message);
    }
  },
  async consume(from, count) {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      let got = from.tryRecv();
      if (!got.ok) got = await from.recv();
      sum += got.value[0];
    }
    return sum;
  },
};

/** Arrays of 64. */
const batches = {
  async produce(to, count) {
    const messages = Array.from({ length: BATCH }, () => new Uint8Array(MESSAGE_BYTES));
    for (let i = 0; i < count; ) {
      const size = Math.min(BATCH, count - i);
      for (let j = 0; j < size; j++) messages[j][0] = i++;
      await to.sendMany(size === BATCH ? messages : messages.slice(0, size));
    }
  },
  async consume(from, count) {
    let sum = 0;
    for (let i = 0; i < count; ) {
      const messages = await from.recvMany(BATCH);
      for (const message of messages) sum += message[0];
      i += messages.length;
    }
    return sum;
  },
};

/** Written where they travel: reserve, write, commit; received with a try first. */
const reserving = {
  async produce(to, count) {
    const message = new Uint8Array(MESSAGE_BYTES);
    for (let i = 0; i < count; i++) {
      message[0] = i;
      const room = to.reserve(MESSAGE_BYTES);
      if (room === undefined) {
        await to.send(message);
      } else {
        room.bytes[0] = i;
        room.commit();
      }
    }
  },
  consume: tryFirst.consume,
};

/** Sent in arrays, read where they lie. */
const inPlace = {
  produce: batches.produce,
  async consume(from, count) {
    let sum = 0;
    const add = (memory, start) => {
      sum += memory[start];
    };
    for (let i = 0; i < count; ) {
      const read = from.readMany(BATCH, add);
      i += read;
      if (read > 0 || i === count) continue;
      sum += (await from.recv()).value[0];
      i++;
    }
    return sum;
  },
};

/** Written and read where they travel. */
const neverCopied = { produce: reserving.produce, consume: inPlace.consume };

const ways = {
  await: awaiting,
  try: tryFirst,
  batches,
  reserve: reserving,
  'in-place': inPlace,
  'never-copied': neverCopied,
};

if (isMainThread) {
  const [, , way, cell, count, placement] = process.argv;
  const { handle } = sharedChannel({ capacity: CAPACITIES[cell], codec: bytes, maxBytes: MESSAGE_BYTES });
  const run = { count: Number(count), warmUp: 200_000, placement };
  await measureThreads(new URL(import.meta.url), run, () => ({ data: { handle, way } }));
} else {
  const channel = openChannel(workerData.handle);
  const { produce, consume } = ways[workerData.way];
  work({ produce: (count) => produce(channel, count), consume: (count) => consume(channel, count) });
}
