// A source that goes on although it was cancelled pins nothing: not what the flow held, not its consumer.
import { setImmediate as turn } from 'node:timers/promises';
import { channel } from 'sluice';
import { type FlowSink, flow } from 'sluice/flow';
import { expect, it } from 'vitest';
import { liveBytes } from './support/heap.js';

/** Whether what `make` returns is garbage, while `kept` of it is still held. */
async function isGarbage<T extends object>(make: () => Promise<T>): Promise<boolean> {
  const ref = await (async () => new WeakRef(await make()))();
  for (let i = 0; i < 5; i++) {
    await turn();
    await liveBytes();
    if (ref.deref() === undefined) return true;
  }
  return false;
}

const big = (): { bytes: number[] } => ({ bytes: new Array<number>(1000).fill(0) });

it('a function that keeps its sink', async () => {
  const sinks: FlowSink<object>[] = [];
  expect(
    await isGarbage(async () => {
      const value = big();
      const values = flow<object>((sink) => void sinks.push(sink));
      sinks[0]!.next(value);
      await values.close();
      return value;
    }),
  ).toBe(true);
  expect(sinks[0]!.next({})).toBe(false);
});

it('a function that waits for room for ever', async () => {
  const waits: Promise<void>[] = [];
  expect(
    await isGarbage(async () => {
      const values = flow<object>(
        (sink) => {
          sink.next(big());
          waits.push(sink.ready().catch(() => {}));
        },
        { capacity: 1 },
      );
      await values.close();
      return values;
    }),
  ).toBe(true);
});

it('an iterator whose next and return never end', async () => {
  const promises: Promise<never>[] = [];
  const never = (): Promise<never> => {
    const promise = new Promise<never>(() => {});
    promises.push(promise);
    return promise;
  };
  let asked = 0;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => (asked++ === 0 ? Promise.resolve({ done: false, value: big() }) : never()),
      return: never,
    }),
  };
  expect(
    await isGarbage(async () => {
      const values = flow(source as AsyncIterable<object>);
      for await (const _ of values) break;
      return values;
    }),
  ).toBe(true);
  expect(promises.length).toBeGreaterThan(0);
});

it('a channel that stays open', async () => {
  const values = channel<object>(10);
  expect(
    await isGarbage(async () => {
      const made = flow(values);
      const loop = made[Symbol.asyncIterator]();
      void loop.next();
      await turn();
      await loop.return!();
      return made;
    }),
  ).toBe(true);
  expect(values.trySend({})).toBe(true);
  expect(values.length).toBe(1); // nobody waits for it any more
});

it('a signal that lives longer', async () => {
  const { signal } = new AbortController();
  expect(
    await isGarbage(async () => {
      const made = flow([1, 2, 3], { signal });
      for await (const _ of made) break;
      return made;
    }),
  ).toBe(true);
});
