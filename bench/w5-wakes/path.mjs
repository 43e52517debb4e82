// How long it takes until another thread runs: one thread wakes the other by the path named, and the other does the same.
//
// `PATH CELL COUNT`: in the cell `parked` the sender lets the other fall asleep first and the time from the wake to the
// first statement of the other is taken, each way; otherwise the two answer at once and the time of a round trip is taken.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { int32, openChannel, sharedChannel } from '../../dist/index.js';
import { WaitSet } from '../../dist/memory/wait-set.js';
import { Waker, WakeSource } from '../../dist/memory/waker.js';
import { native } from '../../dist/platform/native.js';
import { reportRun } from '../harness/micro-peer.mjs';

const WARM_UP = 2_000;
/** Long enough for the other thread to be asleep. */
const GAP_NS = 150_000n;

/** Each: what the two threads share, and how one end of it sends its word and waits for the other's. */
const paths = {
  /** The waker of this package, spinning when it helps. */
  waker: {
    share: () => ({ words: new SharedArrayBuffer(8), sets: [new WaitSet().region, new WaitSet().region] }),
    end({ words, sets }, side, onWord) {
      const turns = new Int32Array(words);
      const [mine, other] = [new WaitSet(sets[side]), new WaitSet(sets[1 - side])];
      let seen = 0;
      class Word extends WakeSource {
        poll() {
          const turn = Atomics.load(turns, side);
          if (turn === seen) return false;
          seen = turn;
          queueMicrotask(onWord);
          return true;
        }
        park() {
          mine.park();
        }
        unpark() {
          mine.unpark();
        }
      }
      const word = new Word();
      return {
        expect: () => Waker.get().add(word),
        send() {
          Atomics.add(turns, 1 - side, 1);
          if (other.occupied) other.wakeOne();
        },
      };
    },
  },

  /** A value through a shared channel each way: the waker, with all that a receive is. */
  channel: {
    share: () => ({ channels: [0, 1].map(() => sharedChannel({ capacity: 1, codec: int32 }).handle) }),
    end({ channels }, side, onWord) {
      const [mine, other] = [openChannel(channels[side]), openChannel(channels[1 - side])];
      return {
        expect: () => mine.recv().then(onWord),
        send: () => other.trySend(1),
      };
    },
  },

  /** uv_async alone: the driver under the waker, woken each time. */
  'uv-async': {
    share: () => ({ words: new SharedArrayBuffer(8) }),
    end({ words }, side, onWord) {
      const ids = new Int32Array(words);
      const driver = new native.Waker(onWord);
      driver.ref();
      Atomics.store(ids, side, driver.id);
      return { expect() {}, send: () => native.wake(Atomics.load(ids, 1 - side)) };
    },
  },

  'message-port': {
    share: () => ({}),
    end(_, _side, onWord, port) {
      port.on('message', onWord);
      return { expect() {}, send: () => port.postMessage(0) };
    },
  },

  'wait-async': {
    share: () => ({ words: new SharedArrayBuffer(8) }),
    end({ words }, side, onWord) {
      const turns = new Int32Array(words);
      let seen = 0;
      const awake = () => {
        seen = Atomics.load(turns, side);
        onWord();
      };
      setInterval(() => {}, 1 << 30); // Atomics.waitAsync does not keep a thread alive
      return {
        expect() {
          const wait = Atomics.waitAsync(turns, side, seen);
          if (wait.async) wait.value.then(awake);
          else queueMicrotask(awake);
        },
        send() {
          Atomics.add(turns, 1 - side, 1);
          Atomics.notify(turns, 1 - side);
        },
      };
    },
  },
};

const quantile = (sorted, q) => Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]);

if (isMainThread) {
  const [, , name, cell, count] = process.argv;
  const path = paths[name];
  const shared = path.share();
  const stamp = new BigInt64Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), { workerData: { name, cell, shared, stamp } });
  let onWord = () => {};
  const end = path.end(shared, 0, () => onWord(), worker);
  end.expect();
  await new Promise((resolve) => {
    onWord = resolve; // the other end is there
    worker.on('error', (error) => {
      throw error;
    });
  });
  const measure = (rounds) =>
    new Promise((resolve) => {
      const times = new BigInt64Array(rounds);
      let done = 0;
      const begin = () => {
        if (cell === 'parked') {
          const sleepy = process.hrtime.bigint() + GAP_NS;
          while (process.hrtime.bigint() < sleepy);
        }
        stamp[0] = process.hrtime.bigint();
        end.expect();
        end.send();
      };
      onWord = () => {
        // Parked: the time that the other side took to come round was left in the stamp by it.
        times[done++] = cell === 'parked' ? stamp[0] : process.hrtime.bigint() - stamp[0];
        if (done < rounds) setImmediate(begin);
        else resolve(times.sort());
      };
      begin();
    });
  await reportRun({
    warmUp: () => measure(WARM_UP),
    async run() {
      const times = await measure(Number(count));
      return {
        operations: times.length,
        checksum: times.length,
        p50: quantile(times, 0.5),
        p99: quantile(times, 0.99),
      };
    },
  });
  await worker.terminate();
  process.exit(0);
} else {
  const { name, cell, shared, stamp } = workerData;
  const end = paths[name].end(
    shared,
    1,
    () => {
      if (cell === 'parked') stamp[0] = process.hrtime.bigint() - stamp[0];
      end.expect();
      end.send();
    },
    parentPort,
  );
  end.expect();
  end.send();
}
