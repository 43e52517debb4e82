// effect has neither a queue without a buffer nor a select.
import { Effect, Fiber, Queue } from 'effect';
import { reportRun } from '../harness/micro-peer.mjs';

const CAPACITY = 1024;
const [, count] = process.argv.slice(2);

const work = (operations) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const queue = yield* Queue.bounded(CAPACITY);
      const producer = yield* Effect.forkChild(
        Effect.gen(function* () {
          for (let i = 0; i < operations; i++) yield* Queue.offer(queue, i);
        }),
      );
      let checksum = 0;
      for (let i = 0; i < operations; i++) checksum += yield* Queue.take(queue);
      yield* Fiber.join(producer);
      return { operations, checksum };
    }),
  );
await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
