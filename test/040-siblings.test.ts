// Channels of other kinds: after, tick, oneshot, watch, broadcast.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import {
  after,
  background,
  broadcast,
  ChannelClosedError,
  channel,
  InvalidArgTypeError,
  InvalidArgValueError,
  OneshotUsedError,
  OutOfRangeError,
  oneshot,
  type Received,
  recv,
  select,
  send,
  tick,
  trySelect,
  watch,
  withCancel,
} from 'sluice';
import { trackWaits } from 'sluice/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';

const EMPTY = { ok: false, reason: 'empty' };

/** Keeps the thread busy, so that time goes on and no timer runs. */
function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** Runs a program on the built package in a process of its own: what it printed. */
function run(program: string, ...flags: string[]): string {
  const url = new URL('../dist/index.js', import.meta.url).href;
  const source = `import * as sluice from ${JSON.stringify(url)};\n${program}`;
  return execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', source], {
    encoding: 'utf8',
    timeout: 100_000,
  });
}

describe('after', () => {
  it('gives the time, once, not before it is due', async () => {
    const began = performance.now();
    const alarm = after(10);
    expect(alarm.tryRecv()).toEqual(EMPTY);
    const got = await alarm.recv();
    expect(performance.now() - began).toBeGreaterThanOrEqual(10);
    if (!got.ok) expect.unreachable();
    else expect(got.value).toBeInstanceOf(Date);
    expect(alarm.tryRecv()).toEqual(EMPTY);
    expect(alarm.closed).toBe(false);
  });

  it('is there although no timer ran', () => {
    const alarm = after(2);
    busy(3);
    expect(trySelect({ alarm })).toMatchObject({ case: 'alarm', ok: true });
    expect(trySelect({ alarm })).toBeUndefined();
  });

  it('goes to whoever waited first', async () => {
    const alarm = after(5);
    using ctx = withCancel(background());
    const first = alarm.recv();
    const second = alarm.recv({ signal: ctx });
    busy(6);
    expect(alarm.tryRecv()).toEqual(EMPTY);
    expect((await first).ok).toBe(true);
    ctx.cancel();
    await expect(second).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  });

  it('loses no time to a receiver that was canceled', async () => {
    const alarm = after(5);
    const controller = new AbortController();
    const canceled = alarm.recv({ signal: controller.signal });
    controller.abort('enough');
    await expect(canceled).rejects.toBe('enough');
    expect((await alarm.recv()).ok).toBe(true);
  });

  it('is a time limit in a select', async () => {
    const jobs = channel<number>();
    expect(await select({ job: recv(jobs), idle: after(2) })).toMatchObject({ case: 'idle', ok: true });
    expect(jobs.trySend(1)).toBe(false);
  });

  it('orders several by their moments', async () => {
    const order: number[] = [];
    await Promise.all(
      [8, 2, 5].map((ms) =>
        after(ms)
          .recv()
          .then(() => order.push(ms)),
      ),
    );
    expect(order).toEqual([2, 5, 8]);
  });

  it('keeps the process alive only while somebody waits', () => {
    const program = `
      const forgotten = sluice.after(60_000);
      await sluice.select({ soon: sluice.after(5), late: forgotten });
      console.log('done');
      const ticker = sluice.tick(60_000);
    `;
    expect(run(program)).toBe('done\n');
  });

  it('is garbage when it is forgotten, and costs no timer', () => {
    const program = `
      const ready = sluice.channel(1);
      let collected = 0;
      const registry = new FinalizationRegistry(() => collected++);
      for (let i = 0; i < 1000; i++) {
        ready.trySend(i);
        const alarm = sluice.after(1e6);
        registry.register(alarm);
        registry.register(sluice.tick(1e6));
        await sluice.select({ ready, alarm }, { bias: true });
      }
      for (let i = 0; i < 1000; i++) {
        const alarm = sluice.after(1e6);
        registry.register(alarm);
        const got = sluice.select({ ready, alarm });
        ready.trySend(i);
        await got;
      }
      for (let i = 0; i < 20; i++) { gc(); await new Promise(setImmediate); }
      console.log(collected > 2900);
    `;
    expect(run(program, '--expose-gc')).toBe('true\n');
  });
});

describe('tick', () => {
  it('comes again and again', async () => {
    const began = performance.now();
    using ticker = tick(2);
    let beats = 0;
    for await (const time of ticker) {
      expect(time).toBeInstanceOf(Date);
      if (++beats === 4) break;
    }
    expect(performance.now() - began).toBeGreaterThanOrEqual(8);
  });

  it('drops ticks for a slow receiver, and counts them', async () => {
    using ticker = tick(5);
    busy(27);
    expect(ticker.dropped).toBeGreaterThanOrEqual(4);
    expect(ticker.tryRecv().ok).toBe(true);
    const { dropped } = ticker;
    expect(dropped).toBeGreaterThanOrEqual(4);
    expect((await ticker.recv()).ok).toBe(true);
  });

  it('serves receivers in turn', async () => {
    using ticker = tick(1);
    const got = await Promise.all([ticker.recv(), ticker.recv(), ticker.recv()]);
    expect(got.map((one) => one.ok)).toEqual([true, true, true]);
  });

  it('ends its loops when it is stopped', async () => {
    const ticker = tick(3600_000);
    const loop = (async () => {
      for await (const _ of ticker) expect.unreachable();
      return 'ended';
    })();
    await turn();
    ticker.stop();
    ticker.stop();
    expect(await loop).toBe('ended');
    expect(ticker.closed).toBe(true);
    expect(ticker.tryRecv()).toEqual({ ok: false, reason: 'closed' });
  });
});

describe('oneshot', () => {
  it('gives its value to a waiting or a later receiver', async () => {
    const early = oneshot<number>();
    const got = early.recv();
    early.send(1);
    expect(await got).toEqual({ ok: true, value: 1 });
    const late = oneshot<undefined>();
    late.send(undefined);
    expect(await select({ answer: recv(late) })).toEqual({ case: 'answer', ok: true, value: undefined });
  });

  it('refuses a second send', () => {
    const answer = oneshot<number>();
    answer.send(1);
    expect(() => answer.send(2)).toThrow(OneshotUsedError);
    answer.tryRecv();
    try {
      answer.send(3);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_ONESHOT_USED', value: 3 });
    }
  });

  it('refuses a second receive: while it is empty, and after it was read', async () => {
    const answer = oneshot<number>();
    const got = answer.recv();
    expect(() => answer.recv()).toThrow(OneshotUsedError);
    expect(() => select({ answer: recv(answer) })).toThrow(OneshotUsedError);
    answer.send(1);
    expect(await got).toEqual({ ok: true, value: 1 });
    expect(() => answer.recv()).toThrow(expect.objectContaining({ code: 'ERR_ONESHOT_USED' }));
    expect(() => answer.tryRecv()).toThrow(OneshotUsedError);
    expect(() => trySelect({ answer: recv(answer) })).toThrow(OneshotUsedError);
  });

  it('can be asked again after a signal', async () => {
    const answer = oneshot<number>();
    const controller = new AbortController();
    const canceled = answer.recv({ signal: controller.signal });
    controller.abort('later');
    await expect(canceled).rejects.toBe('later');
    const got = answer.recv();
    answer.send(4);
    expect(await got).toEqual({ ok: true, value: 4 });
  });

  it('can be closed', async () => {
    const none = oneshot<number>();
    const got = none.recv();
    none.close('no answer');
    expect(await got).toEqual({ ok: false, reason: 'closed', cause: 'no answer' });
    expect(await none.recv()).toEqual({ ok: false, reason: 'closed', cause: 'no answer' });
    expect(() => none.send(1)).toThrow(ChannelClosedError);
    const some = oneshot<number>();
    some.send(1);
    some.close();
    expect(some.tryRecv()).toEqual({ ok: true, value: 1 });
  });
});

describe('watch', () => {
  it('gives a reader the current value, then each change, skipping all but the latest', async () => {
    const level = watch('a');
    const reader = level.subscribe();
    expect(reader.tryRecv()).toEqual({ ok: true, value: 'a' });
    expect(reader.tryRecv()).toEqual(EMPTY);
    level.set('b');
    level.set('c');
    expect(level.value).toBe('c');
    expect(reader.tryRecv()).toEqual({ ok: true, value: 'c' });
    const got = reader.recv();
    level.set('c');
    expect(await got).toEqual({ ok: true, value: 'c' });
  });

  it('wakes all readers that wait', async () => {
    const level = watch(0);
    const readers = Array.from({ length: 10 }, () => level.subscribe());
    for (const reader of readers) reader.tryRecv();
    const got = readers.map((reader) => select({ level: recv(reader) }));
    level.set(1);
    expect(await Promise.all(got)).toEqual(Array(10).fill({ case: 'level', ok: true, value: 1 }));
    expect(trySelect({ level: recv(readers[0]!) })).toBeUndefined();
  });

  it('ends loops when it is closed, after the latest value', async () => {
    const level = watch(1);
    const seen: number[] = [];
    const loop = (async () => {
      for await (const value of level) seen.push(value);
    })();
    await turn();
    level.set(2);
    level.set(3);
    level.set(4);
    level.close('over');
    await loop;
    expect(seen).toEqual([1, 2, 4]);
    expect(level.value).toBe(4);
    expect(() => level.set(5)).toThrow(ChannelClosedError);
    const late = level.subscribe();
    expect(await late.recvMany(5)).toEqual([4]);
    expect(await late.recv()).toEqual({ ok: false, reason: 'closed', cause: 'over' });
  });

  it('is neither blocked nor kept in memory by readers that went away', async () => {
    const level = watch(0);
    const controller = new AbortController();
    const waits = Array.from({ length: 100 }, () => level.subscribe()).map((reader) => {
      reader.tryRecv();
      return reader.recv({ signal: controller.signal });
    });
    controller.abort('gone');
    for (const wait of waits) await expect(wait).rejects.toBe('gone');
    level.set(1);
    expect(level.value).toBe(1);
  });
});

describe('broadcast', () => {
  it('gives every value to every subscriber, from when it subscribed', async () => {
    const news = broadcast<number>(8);
    await news.send(0);
    const a = news.subscribe();
    await news.send(1);
    const b = news.subscribe();
    await news.sendMany([2, 3]);
    expect(await a.recvMany(9)).toEqual([1, 2, 3]);
    expect(await b.recvMany(9)).toEqual([2, 3]);
    const waits = [a.recv(), select({ news: recv(b) })];
    news.trySend(4);
    expect(await Promise.all(waits)).toMatchObject([{ value: 4 }, { value: 4 }]);
  });

  it('waits for the slowest subscriber', async () => {
    const news = broadcast<number>(2);
    const quick = news.subscribe();
    const slow = news.subscribe();
    await news.sendMany([1, 2]);
    let sent = false;
    const third = news.send(3).then(() => {
      sent = true;
    });
    const rest = news.sendMany([4, 5]);
    expect(news.trySend(9)).toBe(false);
    expect(trySelect({ out: send(news, 9) })).toBeUndefined();
    expect(await quick.recvMany(9)).toEqual([1, 2]);
    await turn();
    expect(sent).toBe(false);
    expect(await slow.recv()).toEqual({ ok: true, value: 1 });
    await third;
    expect(quick.tryRecv()).toEqual({ ok: true, value: 3 });
    slow.unsubscribe();
    await rest;
    expect(await quick.recvMany(9)).toEqual([4, 5]);
    expect(news.subscribers).toBe(1);
    expect(await slow.recv()).toEqual({ ok: false, reason: 'closed' });
  });

  it.each([
    ['drop-oldest', [3, 4]],
    ['drop-newest', [1, 2]],
  ] as const)('%s lets a slow subscriber miss values, and counts them', async (overflow, left) => {
    const news = broadcast<number>(2, { overflow });
    using quick = news.subscribe();
    using slow = news.subscribe();
    const seen: number[] = [];
    for (const value of [1, 2, 3, 4]) {
      await news.send(value);
      const got = quick.tryRecv();
      if (got.ok) seen.push(got.value);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect([quick.dropped, slow.dropped]).toEqual([0, 2]);
    expect(await slow.recvMany(9)).toEqual(left);
  });

  it('a select on both of its ends takes one case only', async () => {
    const news = broadcast<string>(1);
    const full = news.subscribe();
    const other = news.subscribe();
    await news.send('first');
    other.tryRecv();
    const got = select({ in: recv(other), out: send(news, 'own') });
    expect(full.tryRecv()).toEqual({ ok: true, value: 'first' });
    expect(await got).toEqual({ case: 'out', ok: true });
    expect(full.tryRecv()).toEqual({ ok: true, value: 'own' });
    expect(other.tryRecv()).toEqual({ ok: true, value: 'own' });
  });

  it('closes: buffers are received, senders refused', async () => {
    const news = broadcast<number>(1);
    const a = news.subscribe();
    const idle = news.subscribe();
    await news.send(1);
    idle.tryRecv();
    const end = idle.recv();
    const waiting = news.send(2);
    news.close('over');
    news.close('again');
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CHANNEL_CLOSED', cause: 'over' });
    await expect(news.send(3)).rejects.toBeInstanceOf(ChannelClosedError);
    expect(() => news.trySend(3)).toThrow(ChannelClosedError);
    expect(await end).toEqual({ ok: false, reason: 'closed', cause: 'over' });
    expect(await a.recv()).toEqual({ ok: true, value: 1 });
    expect((await a.recv()).ok).toBe(false);
    expect(news.subscribe().tryRecv()).toEqual({ ok: false, reason: 'closed', cause: 'over' });
  });

  it('forgets a send that its signal canceled', async () => {
    const news = broadcast<number>(1);
    const a = news.subscribe();
    await news.send(1);
    const controller = new AbortController();
    const waiting = news.send(2, { signal: controller.signal });
    controller.abort('never mind');
    await expect(waiting).rejects.toBe('never mind');
    a.tryRecv();
    await sleep(1);
    expect(a.tryRecv()).toEqual(EMPTY);
  });
});

it('the report of stuck waits names what each wait is for, and omits waits that a timer will end', async () => {
  const tracked = trackWaits();
  const jobs = channel<number>();
  const idle = channel<number>();
  const controller = new AbortController();
  const { signal } = controller;
  const waits = [
    jobs.recv({ signal }),
    select({ job: recv(jobs), late: after(60_000) }, { signal }),
    after(60_000).recv({ signal }),
    select({ job: recv(jobs), news: recv(watch(1).subscribe()) }, { signal }),
    select({ idle: recv(idle), out: send(idle, 1), off: null }, { signal }),
  ];
  const stuck = await tracked.stuck();
  expect(stuck.map(({ operation }) => operation)).toEqual(['recv', 'select']);
  expect(stuck.map(({ on }) => on.map(({ what }) => what))).toEqual([[jobs], [idle, idle]]);
  controller.abort('enough');
  const ended = await Promise.allSettled(waits);
  expect(ended.map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
    'rejected',
    'fulfilled',
    'rejected',
  ]);
  expect(await tracked.stuck()).toEqual([]);
  tracked.stop();
});

describe('bad input', () => {
  it.each([
    ['after(-1)', () => after(-1), OutOfRangeError, -1],
    ['after(NaN)', () => after(Number.NaN), OutOfRangeError, Number.NaN],
    ['after(Infinity)', () => after(Infinity), OutOfRangeError, Infinity],
    ['after of a string', () => after('5' as never), InvalidArgTypeError, '5'],
    ['tick(0)', () => tick(0), OutOfRangeError, 0],
    ['tick(-1)', () => tick(-1), OutOfRangeError, -1],
    ['broadcast(0)', () => broadcast(0), OutOfRangeError, 0],
    ['broadcast(1.5)', () => broadcast(1.5), OutOfRangeError, 1.5],
    ['broadcast, unknown policy', () => broadcast(1, { overflow: 'x' as never }), InvalidArgValueError, 'x'],
  ])('%s', (_name, call, type, value) => {
    expect(call).toThrow(type as never);
    try {
      call();
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/), value });
    }
  });
});

it('has types', () => {
  expectTypeOf(after(0).recv()).resolves.toEqualTypeOf<Received<Date>>();
  expectTypeOf(oneshot<string>().recv()).resolves.toEqualTypeOf<Received<string>>();
  expectTypeOf(watch(1).value).toEqualTypeOf<number>();
  expectTypeOf(broadcast<string>().subscribe().recv()).resolves.toEqualTypeOf<Received<string>>();
  // @ts-expect-error a timer is not sent to
  expect(() => send(after(0), 1)).toThrow();
});
