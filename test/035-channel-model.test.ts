// Random programs of senders, receivers, selects, closes and aborts, in random interleavings. Whatever they do: each value that was
// sent is received exactly once or still held, none that was refused appears, the order of each sender holds, and
// nobody waits for something that is there.
//
// SLUICE_STRESS=full runs two hundred times as many.
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { type Channel, ChannelClosedError, channel, recv, select, send, trySelect } from 'sluice';
import { expect, it } from 'vitest';

const RUNS = process.env.SLUICE_STRESS === 'full' ? 100_000 : 500;

/** A channel of the program, by number, and a signal, by number or none. */
interface On {
  on: number;
  signal: number | undefined;
}

type Step =
  | (On & { do: 'send' | 'recv' | 'next' })
  | (On & { do: 'sendMany' | 'recvMany'; count: number })
  | { do: 'trySend' | 'tryRecv' | 'close'; on: number }
  | { do: 'abort'; signal: number }
  | {
      do: 'select' | 'trySelect';
      cases: { side: 'in' | 'out'; on: number }[];
      bias: boolean;
      signal: number | undefined;
    };

const CHANNELS = 3;
const SIGNALS = 2;
const on = fc.nat(CHANNELS - 1);
const signal = fc.option(fc.nat(SIGNALS - 1), { nil: undefined, freq: 3 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('send', 'recv', 'next'), on, signal }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('sendMany', 'recvMany'),
      on,
      signal,
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('trySend', 'tryRecv'), on }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('select', 'trySelect'),
      cases: fc.array(fc.record({ side: fc.constantFrom('in', 'out'), on }), { minLength: 1, maxLength: 4 }),
      bias: fc.boolean(),
      signal,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close'), on }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort'), signal: fc.nat(SIGNALS - 1) }) },
) as fc.Arbitrary<Step>;

/** Each value says who sent it where, and as which of its values. */
interface Value {
  sender: number;
  on: number;
  number: number;
}

interface Parked {
  task: number;
  senders: Set<number>;
  receivers: Set<number>;
}

class Run {
  readonly channels: Channel<Value>[];
  readonly controllers = Array.from({ length: SIGNALS }, () => new AbortController());
  readonly #last = new AbortController();
  readonly iterators = new Map<string, AsyncIterator<Value, undefined>>();
  /** Sent for certain, refused for certain. */
  readonly sent = new Set<Value>();
  readonly refused = new Set<Value>();
  /** Of a sendMany that failed in the middle. */
  readonly uncertain = new Set<Value>();
  readonly received: Value[] = [];
  /** What each receiver got, in its order. */
  readonly receivedBy = new Map<number, Value[]>();
  readonly parked = new Set<Parked>();
  #numbers = 0;
  steps = 0;

  constructor(capacities: readonly number[]) {
    this.channels = capacities.map((capacity) => channel<Value>(capacity));
  }

  make(sender: number, where: number): Value {
    return { sender, on: where, number: this.#numbers++ };
  }

  took(task: number, value: Value): void {
    this.received.push(value);
    const own = this.receivedBy.get(task) ?? [];
    own.push(value);
    this.receivedBy.set(task, own);
  }

  signal(number: number | undefined): AbortSignal {
    return number === undefined
      ? this.#last.signal
      : AbortSignal.any([this.controllers[number]!.signal, this.#last.signal]);
  }

  stopAll(): void {
    this.#last.abort('last');
  }

  /** Awaits an operation; undefined when it was aborted or its channel closed. */
  async wait<T>(
    task: number,
    senders: number[],
    receivers: number[],
    operation: Promise<T>,
  ): Promise<T | undefined> {
    const parked = { task, senders: new Set(senders), receivers: new Set(receivers) };
    this.parked.add(parked);
    try {
      return await operation;
    } catch (error) {
      if (!(error instanceof ChannelClosedError) && !this.isAbort(error)) throw error;
      return undefined;
    } finally {
      this.parked.delete(parked);
    }
  }

  isAbort(error: unknown): boolean {
    return error === 'last' || error === 'aborted';
  }

  async step(task: number, step: Step): Promise<void> {
    this.steps++;
    switch (step.do) {
      case 'send': {
        const value = this.make(task, step.on);
        const done = this.channels[step.on]!.send(value, { signal: this.signal(step.signal) }).then(
          () => true,
        );
        const ok = await this.wait(task, [step.on], [], done);
        (ok ? this.sent : this.refused).add(value);
        return;
      }
      case 'sendMany': {
        const values = Array.from({ length: step.count }, () => this.make(task, step.on));
        const done = this.channels[step.on]!.sendMany(values, { signal: this.signal(step.signal) });
        const ok = await this.wait(
          task,
          [step.on],
          [],
          done.then(() => true),
        );
        for (const value of values) (ok ? this.sent : this.uncertain).add(value);
        return;
      }
      case 'recv': {
        const got = await this.wait(
          task,
          [],
          [step.on],
          this.channels[step.on]!.recv({ signal: this.signal(step.signal) }),
        );
        if (got?.ok) this.took(task, got.value);
        return;
      }
      case 'next': {
        if (this.#last.signal.aborted) return; // an iterator has no signal that would end it
        const key = `${task} ${step.on}`;
        const iterator = this.iterators.get(key) ?? this.channels[step.on]![Symbol.asyncIterator]();
        this.iterators.set(key, iterator);
        const stop = (): void => void iterator.return?.();
        this.#last.signal.addEventListener('abort', stop);
        const got = await this.wait(task, [], [step.on], iterator.next());
        this.#last.signal.removeEventListener('abort', stop);
        if (got !== undefined && !got.done) this.took(task, got.value);
        return;
      }
      case 'recvMany': {
        const signal = this.signal(step.signal);
        const got = await this.wait(
          task,
          [],
          [step.on],
          this.channels[step.on]!.recvMany(step.count, { signal }),
        );
        for (const value of got ?? []) this.took(task, value);
        return;
      }
      case 'trySend': {
        const value = this.make(task, step.on);
        const target = this.channels[step.on]!;
        const ok = !target.closed && target.trySend(value);
        (ok ? this.sent : this.refused).add(value);
        return;
      }
      case 'tryRecv': {
        const got = this.channels[step.on]!.tryRecv();
        if (got.ok) this.took(task, got.value);
        return;
      }
      case 'close':
        this.channels[step.on]!.close();
        return;
      case 'abort':
        this.controllers[step.signal]!.abort('aborted');
        return;
      case 'select':
      case 'trySelect': {
        const offers = step.cases.map((one) => (one.side === 'out' ? this.make(task, one.on) : undefined));
        const cases = Object.fromEntries(
          step.cases.map(({ on: where }, i) => [
            String(i),
            offers[i] === undefined ? recv(this.channels[where]!) : send(this.channels[where]!, offers[i]),
          ]),
        );
        const senders = step.cases.filter(({ side }) => side === 'out').map((one) => one.on);
        const receivers = step.cases.filter(({ side }) => side === 'in').map((one) => one.on);
        const { bias } = step;
        let got: { case: string; ok: boolean; value?: unknown } | undefined;
        if (step.do === 'select') {
          got = await this.wait(
            task,
            senders,
            receivers,
            select(cases, { bias, signal: this.signal(step.signal) }),
          );
        } else {
          try {
            got = trySelect(cases, { bias });
          } catch (error) {
            if (!(error instanceof ChannelClosedError)) throw error;
          }
        }
        for (const [i, offer] of offers.entries()) {
          if (offer !== undefined) (got?.case === String(i) ? this.sent : this.refused).add(offer);
        }
        if (got?.ok && offers[Number(got.case)] === undefined) this.took(task, got.value as Value);
        return;
      }
    }
  }

  /** Nothing can go on by itself now: then nobody may wait for what is there. */
  checkNobodyIsForgotten(): void {
    const waits = [...this.parked];
    for (const [i, one] of this.channels.entries()) {
      const receivers = waits.filter((wait) => wait.receivers.has(i));
      const senders = waits.filter((wait) => wait.senders.has(i));
      if (one.closed) expect([...receivers, ...senders], 'waits at a closed channel').toEqual([]);
      if (one.length > 0) expect(receivers, 'waits for a value that is there').toEqual([]);
      if (one.length < one.capacity) expect(senders, 'waits for room that is there').toEqual([]);
      for (const sender of senders) {
        expect(
          receivers.filter((receiver) => receiver !== sender),
          'sender and receiver wait for each other',
        ).toEqual([]);
      }
    }
  }

  checkValues(): void {
    const held = this.channels.flatMap((one) => {
      const left: Value[] = [];
      for (let got = one.tryRecv(); got.ok; got = one.tryRecv()) left.push(got.value);
      return left;
    });
    const seen = [...this.received, ...held];
    expect(new Set(seen).size, 'a value was received twice').toBe(seen.length);
    const seenSet = new Set(seen);
    for (const value of this.sent) expect(seenSet.has(value), 'a sent value is lost').toBe(true);
    for (const value of seen) expect(this.refused.has(value), 'a refused value was received').toBe(false);
    for (const own of this.receivedBy.values()) {
      const last = new Map<string, number>();
      for (const { sender, on: where, number } of own) {
        const key = `${sender} ${where}`;
        expect(number, 'order of one sender').toBeGreaterThan(last.get(key) ?? -1);
        last.set(key, number);
      }
    }
  }
}

it(`holds for ${RUNS} random programs`, { timeout: 60_000 + RUNS * 60 }, async () => {
  let steps = 0;
  let waits = 0;
  const program = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 });
  const capacities = fc.array(fc.constantFrom(0, 0, 1, 2, 5), { minLength: CHANNELS, maxLength: CHANNELS });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), program, capacities, async (scheduler, tasks, sizes) => {
      const run = new Run(sizes);
      const failures: unknown[] = [];
      const work = tasks.map(async (list, task) => {
        try {
          for (const one of list) {
            await scheduler.schedule(Promise.resolve(), `task ${task}: ${one.do}`);
            await run.step(task, one);
          }
        } catch (error) {
          failures.push(error);
        }
      });
      do {
        await scheduler.waitAll();
        await turn();
      } while (scheduler.count() > 0);
      await turn();
      run.checkNobodyIsForgotten();
      waits += run.parked.size;
      // Now let all that wait go, and the rest of their programs with them.
      run.stopAll();
      const all = Promise.all(work);
      let over = false;
      all.then(() => {
        over = true;
      });
      while (!over) {
        await scheduler.waitAll();
        await turn();
      }
      await all;
      expect(failures).toEqual([]);
      run.checkValues();
      steps += run.steps;
    }),
    { numRuns: RUNS },
  );
  // The programs must be of the kind that finds something: long enough, and stuck often enough.
  expect(steps).toBeGreaterThan(RUNS * 5);
  expect(waits).toBeGreaterThan(RUNS / 2);
  console.log(`model check: ${RUNS} programs, ${steps} operations, ${waits} of them stuck until the end`);
});
