// A worker of 320-parking.test.ts: sends, receives or answers numbers, as `workerData.role` says.
import { parentPort, workerData } from 'node:worker_threads';
import { WaitSet } from '../../dist/shared/wait-set.js';
import { NumberChannel, randomDelay } from '../support/number-channel.mjs';

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

  /** Parks among the receivers, and neither looks nor leaves. */
  async sleep({ channel }) {
    new WaitSet(channel.readers).park();
    parentPort.on('message', () => {}); // alive until terminated
  },
};

parentPort.postMessage(await roles[workerData.role](workerData));
