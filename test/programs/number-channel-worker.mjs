// A worker of 320-parking.test.ts: sends, receives or answers numbers, as `workerData.role` says.
import { parentPort, workerData } from 'node:worker_threads';
import { ByteRing } from '../../dist/memory/byte-ring.js';
import { StealDeque } from '../../dist/memory/steal-deque.js';
import { WaitSet } from '../../dist/memory/wait-set.js';
import { NumberChannel, RingEnd, randomDelay } from '../support/number-channel.mjs';

const roles = {
  /** Sends `producer << 24 | number` for each number below `count`, then a -1 for each that `ends` asks for. */
  async produce({ channel, producer, count, pauses }) {
    const out = new NumberChannel(channel);
    for (let i = 0; i < count; i++) {
      await out.send((producer << 24) | i);
      if (pauses !== 0 && Math.random() < pauses) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return count;
  },

  /** Receives until -1; says how many came from each producer, and whether each one's were in order. */
  async consume({ channel, producers, pauses }) {
    const input = new NumberChannel(channel);
    const counts = new Array(producers).fill(0);
    const sums = new Array(producers).fill(0);
    const last = new Array(producers).fill(-1);
    let ordered = true;
    for (;;) {
      const value = await input.recv();
      if (value === -1) return { counts, sums, ordered };
      const [producer, number] = [value >>> 24, value & 0xff_ffff];
      ordered &&= number > last[producer];
      last[producer] = number;
      counts[producer]++;
      sums[producer] += number;
      if (pauses !== 0 && Math.random() < pauses) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  },

  /** Sends back what it receives, after a delay of up to `spin` turns of a loop, or of the event loop. */
  async echo({ channel, back, spin }) {
    const [input, output] = [new NumberChannel(channel), new NumberChannel(back)];
    for (let value = await input.recv(); value !== -1; value = await input.recv()) {
      await randomDelay(spin);
      await output.send(value);
    }
  },

  /** Sends its numbers until it is terminated; says in `progress` how many are sent. */
  async produceForEver({ channel, producer, progress }) {
    const out = new NumberChannel(channel);
    for (let i = 0; i < 2 ** 24; i++) {
      await out.send((producer << 24) | i);
      Atomics.store(progress, producer, i + 1);
    }
  },

  /** Receives until it is terminated; counts in `seen` how often each number of each producer came. */
  async consumeForEver({ channel, seen, numbers }) {
    const input = new NumberChannel(channel);
    for (;;) {
      const value = await input.recv();
      Atomics.add(seen, (value >>> 24) * numbers + (value & 0xff_ffff), 1);
    }
  },

  /**
   * Fills a byte ring with records of `producer << 24 | number`, as often as 1 + number % 9 words hold it, until it is
   * terminated or `count` are in; says in `progress` how many are committed. Some claims are written slowly.
   */
  async fillRing({ ring: region, readers, writers, producer, count, progress }) {
    const ring = new ByteRing(region);
    const room = new RingEnd(ring, new WaitSet(writers), () => claimed());
    const consumer = new WaitSet(readers);
    let number = 0;
    const claimed = () => {
      const at = ring.claim(4 * (1 + (number % 9)));
      return at < 0 ? undefined : at;
    };
    for (; number < count; number++) {
      const at = await room.wait();
      if (number % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      ring.words.fill((producer << 24) | number, at / 4, at / 4 + 1 + (number % 9));
      ring.commit(at);
      if (consumer.occupied) consumer.wakeOne();
      Atomics.store(progress, producer, number + 1);
    }
  },

  /** Steals, between the turns of its event loop, until it gets a message; counts in `taken` how often each number came. */
  async steal({ deque: region, taken }) {
    const deque = new StealDeque(region);
    let [stolen, stopped] = [0, false];
    parentPort.once('message', () => {
      stopped = true;
    });
    parentPort.postMessage('ready');
    while (!stopped) {
      for (let i = 0; i < 1000; i++) {
        const value = deque.steal();
        if (value === undefined) continue;
        Atomics.add(taken, value, 1);
        stolen++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return stolen;
  },

  /** Parks among the receivers, and neither looks nor leaves. */
  async sleep({ channel }) {
    new WaitSet(channel.readers).park();
    parentPort.on('message', () => {}); // alive until terminated
  },
};

parentPort.postMessage(await roles[workerData.role](workerData));
