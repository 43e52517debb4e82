// Random programs of sources, policies, consumers, cancels and errors. After each step the counters agree: with each other always, and
// with a model that is a page long where the source and the consumer go step by step.
//
//   SLUICE_STRESS=full npx vitest run test/506    10,000 programs of each kind
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { channel, recv, select } from 'sluice';
import { type Flow, type FlowOverflow, type FlowSink, type FlowSource, flow } from 'sluice/flow';
import { expect, it } from 'vitest';

const numRuns = process.env.SLUICE_STRESS === 'full' ? 10_000 : 250;

function checkSum(values: Flow<unknown>): void {
  const { received, delivered, dropped, buffered } = values.stats();
  if (received !== delivered + dropped + buffered)
    throw new Error(`${received} received, ${delivered} delivered + ${dropped} dropped + ${buffered} held`);
}

const policy = fc.constantFrom<FlowOverflow>('block', 'drop-newest', 'drop-oldest', 'latest', 'error');

// Step by step, against a model.

type Step = 'push' | 'ask' | 'complete' | 'fail' | 'leave' | 'close';

/** What a flow with a function for a source must do: values are numbers from 0, each as large in bytes as its last digit. */
class Model {
  readonly queue: number[] = [];
  readonly delivered: number[] = [];
  received = 0;
  dropped = 0;
  demand = 0;
  /** The source has ended; true: with an error. */
  over: boolean | undefined;
  /** The consumer has seen the end: 'error' if it was one. */
  end: 'done' | 'error' | undefined;
  readonly overflow: FlowOverflow;
  readonly capacity: number;
  readonly bytes: number;

  constructor(overflow: FlowOverflow, capacity: number, bytes: number) {
    this.overflow = overflow;
    this.capacity = capacity;
    this.bytes = bytes;
  }

  get held(): number {
    return this.queue.reduce((sum, value) => sum + (value % 10), 0);
  }

  #fits(value: number): boolean {
    if (this.queue.length === 0) return true;
    return (
      this.queue.length < this.capacity && this.held < this.bytes && this.held + (value % 10) <= this.bytes
    );
  }

  push(value: number): boolean {
    if (this.over !== undefined) {
      this.received++;
      this.dropped++;
      return false;
    }
    if (this.demand > 0) {
      this.received++;
      this.demand--;
      this.delivered.push(value);
      return true;
    }
    const fits = this.#fits(value);
    if (!fits && this.overflow === 'block') return false;
    this.received++;
    if (!fits && (this.overflow === 'drop-newest' || this.overflow === 'error')) {
      this.dropped++;
      if (this.overflow === 'error') this.finish(true);
      return false;
    }
    while (!this.#fits(value)) {
      this.queue.shift();
      this.dropped++;
    }
    this.queue.push(value);
    return true;
  }

  ask(): void {
    if (this.end !== undefined) return;
    this.demand++;
    this.#give();
  }

  finish(failed: boolean): void {
    if (this.over !== undefined) return;
    this.over = failed;
    this.#give();
  }

  leave(): void {
    this.dropped += this.queue.length;
    this.queue.length = 0;
    this.over ??= false;
    this.end ??= 'done';
    this.demand = 0;
  }

  #give(): void {
    while (this.demand > 0 && this.queue.length > 0) {
      this.demand--;
      this.delivered.push(this.queue.shift()!);
    }
  }

  counts(): object {
    return {
      received: this.received,
      delivered: this.delivered.length,
      dropped: this.dropped,
      buffered: this.queue.length,
      bufferedBytes: this.bytes === Infinity ? 0 : this.held,
    };
  }
}

const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.constant<Step>('push') },
    { weight: 8, arbitrary: fc.constant<Step>('ask') },
    { weight: 1, arbitrary: fc.constantFrom<Step>('complete', 'fail', 'leave', 'close') },
  ),
  { maxLength: 60 },
);

it('a source and a consumer that go step by step do what the model does', async () => {
  await fc.assert(
    fc.asyncProperty(
      policy,
      fc.integer({ min: 1, max: 4 }),
      fc.option(fc.integer({ min: 1, max: 20 }), { nil: Infinity }),
      fc.boolean(),
      steps,
      async (overflow, given, bytes, asksByLoop, program) => {
        const capacity = overflow === 'latest' ? 1 : given;
        const model = new Model(overflow, capacity, bytes);
        let overflowed = 0;
        let sink!: FlowSink<number>;
        const values = flow<number>(
          (it) => {
            sink = it;
          },
          {
            overflow,
            capacity,
            ...(bytes === Infinity ? {} : { bytes }),
            sizeOf: (value) => value % 10,
            onOverflow: () => {
              overflowed++;
              checkSum(values);
            },
          },
        );
        const got: number[] = [];
        let end: string | undefined;
        const consumer = asksByLoop ? byLoop(values) : bySubscription(values);

        function byLoop(from: Flow<number>) {
          const loop = from[Symbol.asyncIterator]();
          return {
            ask: async () => {
              await loop.next().then(
                ({ done, value }) => {
                  if (done) end ??= 'done';
                  else got.push(value);
                },
                () => {
                  end ??= 'error';
                },
              );
            },
            leave: () => {
              void loop.return!();
              end ??= 'done';
            },
          };
        }

        function bySubscription(from: Flow<number>) {
          const subscription = from.subscribe(
            {
              next: (value) => {
                checkSum(from);
                got.push(value);
              },
              complete: () => {
                end = 'done';
              },
              error: () => {
                end = 'error';
              },
            },
            { request: 0 },
          );
          return {
            ask: async () => subscription.request(1),
            leave: () => {
              subscription.cancel();
              end ??= 'done';
            },
          };
        }

        await null; // a subscription begins in a microtask
        let next = 0;
        for (const step of program) {
          if (step === 'push') expect(sink.next(next)).toBe(model.push(next++));
          else if (step === 'ask') {
            if (asksByLoop && model.demand > 0) continue; // a loop asks for one at a time
            void consumer.ask();
            model.ask();
          } else if (step === 'complete' || step === 'fail') {
            if (step === 'complete') sink.complete();
            else sink.error(new Error('source'));
            model.finish(step === 'fail');
          } else {
            if (step === 'leave') consumer.leave();
            else await values.close();
            model.leave();
          }
          expect(values.stats()).toMatchObject(model.counts());
        }
        // The rest is taken, and then the end is seen.
        sink.complete();
        model.finish(false);
        for (let i = 0; i < capacity + 2; i++) {
          void consumer.ask();
          model.ask();
          await turn();
        }
        await turn();
        await turn();
        expect(got).toEqual(model.delivered);
        expect(values.stats()).toMatchObject(model.counts());
        expect(end).toBeDefined();
        if (model.end === undefined) expect(end).toBe(model.over ? 'error' : 'done');
        if (model.end === undefined && overflow !== 'error')
          expect(overflowed).toBeLessThanOrEqual(model.dropped);
      },
    ),
    { numRuns },
  );
});

// Any source, any consumer.

interface Source {
  readonly kind: 'iterable' | 'async iterable' | 'web stream' | 'channel' | 'function';
  readonly count: number;
  readonly fails: boolean;
  /** Turns of the event loop before a value, by its place in the list. */
  readonly pauses: readonly number[];
}

interface Seen {
  cancelled: number;
  ended: boolean;
}

const BROKEN = new Error('source');

async function pause(turns: number | undefined): Promise<void> {
  for (let i = 0; i < (turns ?? 0); i++) await turn();
}

function open({ kind, count, fails, pauses }: Source, seen: Seen): FlowSource<number> {
  const pauseOf = (i: number): number | undefined => pauses[i % Math.max(1, pauses.length)];
  const generate = async function* (): AsyncGenerator<number> {
    try {
      for (let i = 0; i < count; i++) {
        await pause(pauseOf(i));
        yield i;
      }
      seen.ended = true;
      if (fails) throw BROKEN;
    } finally {
      if (!seen.ended) seen.cancelled++;
    }
  };
  switch (kind) {
    case 'iterable':
      return (function* () {
        try {
          for (let i = 0; i < count; i++) yield i;
          seen.ended = true;
          if (fails) throw BROKEN;
        } finally {
          if (!seen.ended) seen.cancelled++;
        }
      })();
    case 'async iterable':
      return generate();
    case 'web stream':
      return ReadableStream.from(generate()) as ReadableStream<number>;
    case 'channel': {
      const values = channel<number>(2);
      void (async () => {
        for (let i = 0; i < count; i++) {
          await pause(pauseOf(i));
          await values.send(i, { signal: AbortSignal.timeout(1000) }).catch(() => {});
        }
        seen.ended = true;
        values.close(fails ? BROKEN : undefined);
      })();
      return values;
    }
    case 'function':
      return async (sink) => {
        sink.signal.addEventListener('abort', () => seen.cancelled++);
        for (let i = 0; i < count; i++) {
          await pause(pauseOf(i));
          while (!sink.next(i)) {
            if (sink.signal.aborted) return;
            if (!sink.signal.aborted) await sink.ready();
            if (i > 0) break; // refused once: this one is given up where the policy drops
          }
        }
        seen.ended = true;
        if (fails) sink.error(BROKEN);
        else sink.complete();
      };
  }
}

interface Consumer {
  readonly kind: 'loop' | 'subscriber' | 'batches' | 'web stream' | 'selects';
  readonly leavesAfter: number;
  readonly pauses: readonly number[];
}

/** Takes values until the end, or until it leaves; answers the error that it got. */
async function consume(
  values: Flow<number>,
  { kind, leavesAfter, pauses }: Consumer,
  got: number[],
): Promise<unknown> {
  const pauseAt = (): Promise<void> => pause(pauses[got.length % Math.max(1, pauses.length)]);
  const take = (value: number): boolean => {
    checkSum(values);
    got.push(value);
    return got.length < leavesAfter;
  };
  try {
    if (kind === 'loop') {
      for await (const value of values) {
        if (!take(value)) return 'left';
        await pauseAt();
      }
    } else if (kind === 'batches') {
      for await (const batch of values.batch({ count: 3 })) {
        expect(batch.length).toBeGreaterThan(0);
        for (const value of batch) if (!take(value)) return 'left';
        await pauseAt();
      }
    } else if (kind === 'web stream') {
      for await (const value of values.toReadableStream()) {
        if (!take(value)) return 'left';
        await pauseAt();
      }
    } else if (kind === 'selects') {
      for (;;) {
        const got = await select({ value: recv(values) });
        if (!got.ok) return got.cause;
        if (!take(got.value)) {
          await values.close();
          return 'left';
        }
        await pauseAt();
      }
    } else {
      return await new Promise((resolve) => {
        let requested = 1;
        const subscription = values.subscribe(
          {
            next: (value) => {
              if (--requested < 0) resolve(new Error('more than was requested'));
              if (!take(value)) {
                subscription.cancel();
                resolve('left');
              } else
                void pauseAt().then(() => {
                  requested += 2;
                  subscription.request(2);
                });
            },
            error: resolve,
            complete: () => resolve(undefined),
          },
          { request: 1 },
        );
      });
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

const pauses = fc.array(fc.constantFrom(0, 0, 0, 1, 2), { maxLength: 5 });

it('any source and any consumer: sum, order, one cancellation, and the error behind the values', async () => {
  await fc.assert(
    fc.asyncProperty(
      policy,
      fc.integer({ min: 1, max: 5 }),
      fc.record<Source>({
        kind: fc.constantFrom('iterable', 'async iterable', 'web stream', 'channel', 'function'),
        count: fc.integer({ min: 0, max: 30 }),
        fails: fc.boolean(),
        pauses,
      }),
      fc.record<Consumer>({
        kind: fc.constantFrom('loop', 'subscriber', 'batches', 'web stream', 'selects'),
        leavesAfter: fc.constantFrom(1, 2, 5, 1000),
        pauses,
      }),
      fc.option(fc.integer({ min: 0, max: 10 }), { nil: undefined }),
      async (overflow, capacity, source, consumer, abortsAfter) => {
        const seen: Seen = { cancelled: 0, ended: false };
        const abort = new AbortController();
        let dropped = 0;
        const values = flow(open(source, seen), {
          overflow,
          ...(overflow === 'latest' ? {} : { capacity }),
          onOverflow: () => {
            dropped++;
            checkSum(values);
          },
          signal: abort.signal,
        });
        const aborted = new Error('aborted');
        if (abortsAfter !== undefined) void pause(abortsAfter).then(() => abort.abort(aborted));
        const got: number[] = [];
        const end = await consume(values, consumer, got);
        await turn();
        checkSum(values);
        const stats = values.stats();
        expect(stats.buffered).toBe(0);
        expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
        expect(seen.cancelled).toBeLessThanOrEqual(1);
        const expected = [undefined, 'left', BROKEN, ...(abortsAfter === undefined ? [] : [aborted])];
        if (overflow === 'error')
          expect([...expected, expect.objectContaining({ code: 'ERR_FLOW_OVERFLOW' })]).toContainEqual(end);
        else expect(expected).toContain(end);
        if (end === undefined || end === BROKEN) {
          expect(end).toBe(source.fails ? BROKEN : undefined);
          expect(stats.delivered).toBe(got.length);
          expect(stats.dropped).toBe(dropped);
          expect(seen.cancelled).toBe(0);
          if (overflow === 'block' && source.kind !== 'function')
            expect(got).toEqual(Array.from({ length: source.count }, (_, i) => i));
        }
      },
    ),
    { numRuns },
  );
});
