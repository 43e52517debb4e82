// Select: cases that wait side by side have the same chance, whatever ends the wait.
import {
  after,
  background,
  broadcast,
  type Channel,
  done,
  oneshot,
  recv,
  type SelectCases,
  type SelectOptions,
  select,
  send,
  watch,
  withCancel,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { channelKinds } from './support/channel-kinds.js';

const isFull = process.env.SLUICE_STRESS === 'full';
const ROUNDS = isFull ? 20_000 : 1000;

/** One round: the cases of a select, and what ends its wait. */
type Round = () => { cases: SelectCases; end: () => unknown };

/** How often each case won in `ROUNDS` rounds. */
async function wins(round: Round, options?: SelectOptions): Promise<number[]> {
  const counts = new Map<string, number>();
  for (let i = 0; i < ROUNDS; i++) {
    const { cases, end } = round();
    if (counts.size === 0) for (const key of Object.keys(cases)) counts.set(key, 0);
    const waiting = select(cases, options);
    await end();
    const { case: key } = (await waiting) as { case: string };
    counts.set(key, counts.get(key)! + 1);
  }
  return [...counts.values()];
}

/** One fair count of two in thirty million is further from the middle than this. */
const FAR = 5.5;

function expectEven(counts: number[]): void {
  const share = 1 / counts.length;
  const deviation = Math.sqrt(ROUNDS * share * (1 - share));
  for (const count of counts) expect(Math.abs(count - ROUNDS * share)).toBeLessThan(FAR * deviation);
}

const onOne =
  (cases: (channel: Channel<number>) => SelectCases, end: (channel: Channel<number>) => unknown) =>
  (make: (capacity?: number) => Channel<number>): Round =>
  () => {
    const channel = make();
    return { cases: cases(channel), end: () => end(channel) };
  };

const endings: [string, (make: (capacity?: number) => Channel<number>) => Round][] = [
  [
    'a receive, of two sends',
    onOne(
      (c) => ({ a: send(c, 0), b: send(c, 1) }),
      (c) => c.recv(),
    ),
  ],
  [
    'a send, of two receives',
    onOne(
      (c) => ({ a: recv(c), b: recv(c) }),
      (c) => c.send(1),
    ),
  ],
  [
    'a close, of two receives',
    onOne(
      (c) => ({ a: recv(c), b: recv(c) }),
      (c) => c.close(),
    ),
  ],
  [
    'a try, of three receives',
    onOne(
      (c) => ({ a: recv(c), b: c, c: recv(c) }),
      (c) => c.trySend(1),
    ),
  ],
  [
    'a batch, of two receives',
    onOne(
      (c) => ({ a: recv(c), b: recv(c) }),
      (c) => c.sendMany([1]),
    ),
  ],
  [
    'recvMany, of two sends',
    onOne(
      (c) => ({ a: send(c, 0), b: send(c, 1) }),
      (c) => c.recvMany(1),
    ),
  ],
  [
    'another select, of two sends',
    onOne(
      (c) => ({ a: send(c, 0), b: send(c, 1) }),
      (c) => select({ x: recv(c) }),
    ),
  ],
  [
    'a receive that makes room, of two sends',
    (make) => () => {
      const c = make(1);
      c.trySend(7);
      return { cases: { a: send(c, 0), b: send(c, 1) }, end: () => c.recv() };
    },
  ],
  [
    'two cases of one channel beside another channel',
    (make) => () => {
      const [c, other] = [make(), make()];
      return { cases: { a: recv(c), x: recv(other), b: recv(c) }, end: () => c.send(1) };
    },
  ],
];

describe.each(channelKinds)('a wait on a %s that is ended by', (_kind, make) => {
  it.each(endings)('%s', async (_ending, roundOf) => {
    const round = roundOf(make);
    const counts = await wins(round);
    const happening =
      counts.length === 3 && Object.keys(round().cases).includes('x') ? [counts[0]!, counts[2]!] : counts;
    expectEven(happening);
  });

  it('goes to the first as written with bias', async () => {
    const round = onOne(
      (c) => ({ b: send(c, 0), a: send(c, 1) }),
      (c) => c.recv(),
    )(make);
    expect(await wins(round, { bias: true })).toEqual([ROUNDS, 0]);
    const receives = onOne(
      (c) => ({ b: recv(c), a: recv(c) }),
      (c) => c.send(1),
    )(make);
    expect(await wins(receives, { bias: true })).toEqual([ROUNDS, 0]);
  });
});

describe('a wait on two cases that happen at once, of', () => {
  it('a context that is canceled', async () => {
    const counts = await wins(() => {
      const context = withCancel(background());
      return { cases: { a: done(context), b: done(context) }, end: () => context.cancel() };
    });
    expectEven(counts);
  });

  it('a broadcast', async () => {
    const counts = await wins(() => {
      const hub = broadcast<number>();
      const listener = hub.subscribe();
      return { cases: { a: recv(listener), b: recv(listener) }, end: () => hub.send(1) };
    });
    expectEven(counts);
  });

  it('a watched value', async () => {
    const counts = await wins(() => {
      const value = watch(0);
      const listener = value.subscribe();
      listener.tryRecv();
      return { cases: { a: recv(listener), b: recv(listener) }, end: () => value.set(1) };
    });
    expectEven(counts);
  });

  it('a one-shot', async () => {
    const counts = await wins(() => {
      const answer = oneshot<number>();
      return { cases: { a: recv(answer), b: recv(answer) }, end: () => answer.send(1) };
    });
    expectEven(counts);
  });

  it.runIf(isFull)('a timer', async () => {
    const counts = await wins(() => {
      const timer = after(1);
      return { cases: { a: timer, b: timer }, end: () => {} };
    });
    expectEven(counts);
  });
});
