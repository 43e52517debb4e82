// Channels across threads: nothing is lost or doubled, whoever sends, receives, selects or dies. What they do as one thread
// sees it is in 020 and 030.
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  bytes,
  ChannelClosedError,
  type ChannelHandle,
  CodecError,
  float64,
  json,
  openChannel,
  recv,
  type SharedChannel,
  select,
  send,
  sharedChannel,
  trySelect,
  utf8,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { ChannelMemory } from '../dist/channel/shared/channel-memory.js';
import { isLinearizable, type Operation } from './support/linearizable.js';

const full = process.env.SLUICE_STRESS === 'full';
const program = new URL('./programs/shared-channel-worker.mjs', import.meta.url);
const start = (workerData: object): Worker => new Worker(program, { workerData });
const result = async (worker: Worker): Promise<never> => (await once(worker, 'message'))[0] as never;

describe('threads', () => {
  it.each([
    { producers: 1, consumers: 1, capacity: 1, batch: 1, pauses: 0, selects: false },
    { producers: 2, consumers: 2, capacity: 2, batch: 1, pauses: 0.001, selects: true },
    { producers: 4, consumers: 4, capacity: 64, batch: 16, pauses: 0.001, selects: false },
    { producers: 1, consumers: 7, capacity: 16, batch: 1, pauses: 0, selects: false },
    { producers: 7, consumers: 1, capacity: 1024, batch: 64, pauses: 0, selects: false },
    { producers: 1, consumers: 1, capacity: 0, batch: 1, pauses: 0, selects: false },
    { producers: 2, consumers: 2, capacity: 0, batch: 1, pauses: 0.001, selects: true },
  ])(
    'conserve what $producers send to $consumers, capacity $capacity, batches of $batch, selects $selects',
    { timeout: 3_600_000 },
    async ({ producers, consumers, capacity, batch, pauses, selects }) => {
      const total = (full ? 10_000_000 : 24_000) / (capacity === 0 ? 8 : 1);
      const count = Math.floor(total / producers);
      const channel = sharedChannel<number>({ capacity, codec: float64 });
      const shared = { handle: channel.handle, batch, pauses };
      const takers = Array.from({ length: consumers }, () =>
        result(start({ role: 'consume', producers, selects, ...shared })),
      ) as Promise<{ counts: number[]; sums: number[]; ordered: boolean }>[];
      const senders = Array.from({ length: producers }, (_, producer) =>
        result(start({ role: 'produce', producer, count, ...shared })),
      );
      expect(await Promise.all(senders)).toEqual(Array(producers).fill(count));
      channel.close();
      const taken = await Promise.all(takers);
      expect(taken.every(({ ordered }) => ordered)).toBe(true);
      for (let p = 0; p < producers; p++) {
        expect(taken.reduce((sum, { counts }) => sum + counts[p]!, 0)).toBe(count);
        expect(taken.reduce((sum, { sums }) => sum + sums[p]!, 0)).toBe((count * (count - 1)) / 2);
      }
    },
  );

  it.each([0, 1, 64])('echo values of every length, capacity %i', async (capacity) => {
    const there = sharedChannel<Uint8Array>({ capacity, codec: bytes });
    const back = sharedChannel<Uint8Array>({ capacity, codec: bytes });
    void start({ role: 'echo', handle: there.handle, back: back.handle });
    const lengths = [0, 1, 111, 112, 113, 4096, 4097, 100_000, 16 * 2 ** 20];
    const sender = (async () => {
      for (const length of lengths) await there.send(new Uint8Array(length).fill(length % 251));
      there.close();
    })();
    const seen: number[] = [];
    for await (const value of back) {
      seen.push(value.length);
      expect(value.every((byte) => byte === value.length % 251)).toBe(true);
    }
    expect(seen).toEqual(lengths);
    await sender;
  });

  it('answer a close with its reason, as message and code', async () => {
    const channel = sharedChannel<number>({ capacity: 4 });
    const worker = start({ role: 'waitReceive', handle: channel.handle });
    expect(await result(worker)).toBe('waiting');
    channel.close(Object.assign(new RangeError('no more'), { code: 'ERR_NO_MORE' }));
    const got = (await result(worker)) as { ok: boolean; cause: Error };
    expect(got).toMatchObject({
      ok: false,
      reason: 'closed',
      cause: { name: 'RangeError', message: 'no more' },
    });
  });

  it('face each other in selects without a buffer: whatever one sent, the other received', async () => {
    const [there, back] = [sharedChannel<number>({ capacity: 0 }), sharedChannel<number>({ capacity: 0 })];
    const rounds = full ? 100_000 : 500;
    type Faced = { sent: number[]; received: number[] };
    const [left, right] = (await Promise.all([
      result(start({ role: 'face', there: there.handle, back: back.handle, rounds, id: 1 })),
      result(start({ role: 'face', there: back.handle, back: there.handle, rounds, id: 2 })),
    ])) as Faced[];
    expect(left!.sent.length + left!.received.length).toBe(rounds);
    expect(right!.received).toEqual(left!.sent);
    expect(left!.received).toEqual(right!.sent);
  });

  it('let a waiting sender proceed though the receiver takes only one value', async () => {
    const channel = sharedChannel<number>({ capacity: 64, codec: float64 });
    const values = Array.from({ length: 65 }, (_, i) => i);
    const sent = result(start({ role: 'sendAll', handle: channel.handle, values }));
    const { writers } = new ChannelMemory(channel.handle.region);
    while (!writers.occupied) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(channel.length).toBe(64);
    expect(await channel.recv()).toEqual({ ok: true, value: 0 });
    expect(await sent).toBe('sent');
  });

  it('send to waiting receivers only, without a buffer', async () => {
    const meeting = sharedChannel<string>({ capacity: 0 });
    expect(meeting.trySend('nobody')).toBe(false);
    const worker = start({ role: 'waitReceive', handle: meeting.handle });
    expect(await result(worker)).toBe('waiting');
    await meeting.send('somebody');
    expect(await result(worker)).toEqual({ ok: true, value: 'somebody' });
    expect(meeting.trySend('nobody again')).toBe(false);
  });

  it.each(['tryRecv', 'trySelect'])('let %s find a sender of another thread', async (name) => {
    const [meeting, other] = [sharedChannel<number>({ capacity: 0 }), sharedChannel<number>({ capacity: 0 })];
    const worker = start({ role: 'sendAll', handle: meeting.handle, values: [1, 2, 3] });
    const sent = result(worker);
    const seen: number[] = [];
    while (seen.length < 3) {
      const got =
        name === 'tryRecv' ? meeting.tryRecv() : trySelect({ got: recv(meeting), other: recv(other) });
      if (got?.ok) seen.push(got.value);
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(await sent).toBe('sent');
  });
});

describe('histories', () => {
  it.each([1, 2, 4])(
    'of four threads are those of a queue, capacity %i',
    { timeout: 600_000 },
    async (capacity) => {
      for (let round = 0; round < (full ? 500 : 4); round++) {
        const channel = sharedChannel<number>({ capacity, codec: float64 });
        const clock = new SharedArrayBuffer(8);
        const parts = await Promise.all(
          Array.from({ length: 4 }, (_, producer) =>
            result(
              start({ role: 'record', handle: channel.handle, clock, producer, operations: 40, start: 4 }),
            ),
          ),
        );
        const history = parts.flat() as Operation[];
        expect(history.filter(({ done }) => done).length).toBeGreaterThan(8);
        expect(isLinearizable(history, capacity)).toBe(true);
      }
    },
  );

  it('that no queue could produce are detected', () => {
    const at = (kind: 'send' | 'recv', value: number, begin: number, end: number): Operation => ({
      kind,
      value,
      done: true,
      begin,
      end,
    });
    const swapped = [at('send', 1, 0, 1), at('send', 2, 2, 3), at('recv', 2, 4, 5), at('recv', 1, 6, 7)];
    expect(isLinearizable(swapped, 4)).toBe(false);
    const twice = [at('send', 1, 0, 9), at('recv', 1, 1, 2), at('recv', 1, 3, 4)];
    expect(isLinearizable(twice, 4)).toBe(false);
    const tooMany = [at('send', 1, 0, 1), at('send', 2, 2, 3)];
    expect(isLinearizable(tooMany, 1)).toBe(false);
    const together = [at('send', 1, 0, 9), at('send', 2, 0, 9), at('recv', 2, 1, 8), at('recv', 1, 1, 8)];
    expect(isLinearizable(together, 2)).toBe(true);
  });
});

describe('threads that die', () => {
  it.each([0, 1, 4])(
    'lose what they held and stop nobody, capacity %i',
    { timeout: 600_000 },
    async (capacity) => {
      const rounds = full ? 100 : 3;
      for (let round = 0; round < rounds; round++) {
        const channel = sharedChannel<number>({ capacity, codec: float64 });
        const counters = new SharedArrayBuffer(64 * 4);
        const words = new Int32Array(counters);
        const roles = ['produce', 'produce', 'consume', 'consume'].map((role, producer) =>
          start({ role: 'mortal', handle: channel.handle, producer, counters, kind: role }),
        );
        await Promise.all(roles.map((worker) => once(worker, 'message')));
        await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
        await roles[0]!.terminate();
        await roles[2]!.terminate();
        // The others go on: more comes from one that lives, and to one that lives.
        const before = Atomics.load(words, 1);
        while (Atomics.load(words, 1) < before + 100) await new Promise((resolve) => setTimeout(resolve, 1));
        await roles[1]!.terminate();
        channel.close();
        expect(await result(roles[3]!)).toBe('closed');
        for (const producer of [0, 1]) {
          const [sent, received] = [words[producer]!, words[32 + producer]!];
          // Each dead producer: at most one value sent and not counted. The dead consumer: at most one taken and not counted.
          expect(received).toBeLessThanOrEqual(sent + 1);
          expect(received).toBeGreaterThanOrEqual(sent - 1);
        }
      }
    },
  );

  it.each([16, 50_000])('with room of %i bytes claimed give it back', async (length) => {
    const channel = sharedChannel<Uint8Array>({ capacity: 2, codec: bytes, maxBytes: 65_536 });
    for (let round = 0; round < 4; round++) {
      const worker = start({ role: 'claim', handle: channel.handle, length });
      expect(await result(worker)).toBe('claimed');
      channel.trySend(new Uint8Array(length).fill(round));
      const got = channel.recv();
      await worker.terminate();
      expect(await got).toMatchObject({ ok: true, value: { length } });
    }
    for (let i = 0; i < 2; i++) expect(channel.trySend(new Uint8Array(60_000))).toBe(true);
  });

  it('while they wait to receive without a buffer get nothing', async () => {
    const meeting = sharedChannel<number>({ capacity: 0 });
    const worker = start({ role: 'waitReceive', handle: meeting.handle });
    expect(await result(worker)).toBe('waiting');
    await worker.terminate();
    await expect
      .poll(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return meeting.trySend(1);
      })
      .toBe(false);
  });
});

describe('values', () => {
  it('that a codec cannot write send nothing and lose no room', async () => {
    const channel = sharedChannel<unknown>({ capacity: 2 });
    for (let round = 0; round < 5; round++) {
      await expect(channel.send(() => 1)).rejects.toMatchObject({ code: 'ERR_CODEC' });
      expect(() => channel.trySend(Symbol('s'))).toThrow(CodecError);
      await expect(channel.sendMany([round, () => 1])).rejects.toBeInstanceOf(CodecError);
      expect(channel.tryRecv()).toEqual({ ok: true, value: round });
      expect(channel.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    }
    expect(channel.length).toBe(0);
    await channel.sendMany([1, 2]);
  });

  it('that a codec cannot read reject that receive alone', async () => {
    const picky = {
      name: 'picky',
      encode: (value: string) => Buffer.from(value),
      decode: (from: Uint8Array) => {
        const text = Buffer.from(from).toString();
        if (text === 'bad') throw new Error('unreadable');
        return text;
      },
    };
    const channel = sharedChannel<string>({ capacity: 8, codec: picky });
    await channel.sendMany(['a', 'bad', 'b', 'bad']);
    expect(await channel.recvMany(2)).toEqual(['a']);
    await expect(channel.recv()).rejects.toMatchObject({ code: 'ERR_CODEC', codec: 'picky' });
    expect(await channel.recv()).toEqual({ ok: true, value: 'b' });
    await expect(channel.recv()).rejects.toBeInstanceOf(CodecError);
    const waiting = channel.recv();
    await channel.send('bad');
    await expect(waiting).rejects.toBeInstanceOf(CodecError);
    await channel.send('c');
    expect(channel.tryRecv()).toEqual({ ok: true, value: 'c' });
  });

  it('are copied when they are sent, also when they wait', async () => {
    const channel = sharedChannel<{ n: number }>({ capacity: 1 });
    const value = { n: 1 };
    await channel.send(value);
    const waiting = channel.send(value);
    value.n = 2;
    expect(await channel.recvMany(2)).toEqual([{ n: 1 }, { n: 1 }]);
    await waiting;
  });

  it.each([0, 1])('of sendMany and select are copied at the call too, capacity %i', async (capacity) => {
    const channel = sharedChannel<{ n: number }>({ capacity });
    const values = [{ n: 1 }, { n: 2 }, { n: 3 }];
    const sent = channel.sendMany(values);
    for (const value of values) value.n = 99;
    const chosen = { n: 4 };
    const selected = select({ out: send(channel, chosen) });
    chosen.n = 99;
    for (const n of [1, 2, 3, 4]) expect(await channel.recv()).toEqual({ ok: true, value: { n } });
    await sent;
    expect(await selected).toEqual({ case: 'out', ok: true });
  });

  it('that wait and cannot be written are refused at the call, and nothing of them is sent', async () => {
    const channel = sharedChannel<unknown>({ capacity: 1 });
    const other = sharedChannel<unknown>({ capacity: 1 });
    await expect(channel.sendMany([1, 2, () => 3])).rejects.toBeInstanceOf(CodecError);
    await expect(select({ out: send(channel, () => 4), in: recv(other) })).rejects.toBeInstanceOf(CodecError);
    expect(channel.tryRecv()).toEqual({ ok: true, value: 1 });
    expect(channel.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    await other.send(6); // no case of the select waits on
    expect(other.length).toBe(1);
  });

  it('longer than maxBytes are refused', async () => {
    const channel = sharedChannel<string>({ capacity: 1, codec: utf8, maxBytes: 300 });
    await expect(channel.send('x'.repeat(301))).rejects.toMatchObject({
      code: 'ERR_MESSAGE_TOO_LARGE',
      size: 301,
      limit: 300,
    });
    expect(() => channel.reserve(301)).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }));
    expect(channel.trySend('x'.repeat(300))).toBe(true);
    expect(channel.tryRecv()).toEqual({ ok: true, value: 'x'.repeat(300) });
  });

  it('are written in place with reserve', async () => {
    const channel = sharedChannel<Uint8Array>({ capacity: 2, codec: bytes });
    for (const length of [5, 5000]) {
      const room = channel.reserve(length)!;
      room.bytes.fill(7);
      const next = channel.recv();
      room.abandon();
      room.commit(); // too late
      channel.reserve(length)!.commit();
      expect(await next).toMatchObject({ ok: true, value: { length } });
    }
    {
      using room = channel.reserve(3);
      room!.bytes.write('abc');
    }
    expect(channel.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    channel.trySend(new Uint8Array(1));
    channel.trySend(new Uint8Array(1));
    expect(channel.reserve(1)).toBeUndefined();
    channel.close();
    expect(() => channel.reserve(1)).toThrow(ChannelClosedError);
  });

  it('are read in place with readMany', async () => {
    const channel = sharedChannel<Uint8Array>({ capacity: 4, codec: bytes });
    const lengths = [0, 112, 50_000, 3, 7];
    const all = channel.sendMany(lengths.map((length) => new Uint8Array(length).fill(length % 251)));
    const seen: number[] = [];
    const see = (memory: Buffer, begin: number, end: number): void => {
      expect(memory.subarray(begin, end).every((byte) => byte === (end - begin) % 251)).toBe(true);
      seen.push(end - begin);
    };
    expect(channel.readMany(2, see)).toBe(2);
    expect(channel.readMany(100, see)).toBe(3); // the fifth came when there was room
    expect(channel.readMany(100, see)).toBe(0);
    expect(seen).toEqual(lengths);
    await all;
    channel.close();
    expect(channel.readMany(1, see)).toBe(0);
  });

  it('are all taken by a readMany that throws', () => {
    const channel = sharedChannel<number>({ capacity: 4, codec: float64 });
    for (const value of [1, 2, 3]) channel.trySend(value);
    const seen: number[] = [];
    const read = (memory: Buffer, begin: number): void => {
      seen.push(memory.readDoubleLE(begin));
      if (seen.length < 3) throw new Error(`at ${seen.length}`);
    };
    expect(() => channel.readMany(8, read)).toThrow('at 1');
    expect(seen).toEqual([1, 2, 3]);
    expect(channel.length).toBe(0);
    expect(channel.trySend(4)).toBe(true);
    expect(channel.tryRecv()).toEqual({ ok: true, value: 4 });
  });

  it('that wait here to receive are served before a readMany', async () => {
    const channel = sharedChannel<number>({ capacity: 4, codec: float64 });
    const first = channel.recv();
    channel.trySend(1);
    expect(channel.readMany(8, () => {})).toBe(0);
    expect(await first).toEqual({ ok: true, value: 1 });
  });

  it('that are short do not travel along when another is transferred', async () => {
    const channel = sharedChannel<Uint8Array>({ capacity: 4, codec: bytes });
    await channel.sendMany([Buffer.from('one'), Buffer.from('two')]);
    const [one, two] = await channel.recvMany(2);
    try {
      structuredClone(one, { transfer: [one!.buffer as ArrayBuffer] });
    } catch {
      // Node.js 22 and later refuse; 20 copies instead.
    }
    expect(`${one}${two}`).toBe('onetwo');
  });
});

describe('several cases', () => {
  it('that wait and lose leave their values', async () => {
    const [a, b] = [sharedChannel<number>({ capacity: 1 }), sharedChannel<number>({ capacity: 1 })];
    for (let round = 0; round < 100; round++) {
      const got = select({ a: recv(a), b: recv(b) });
      await Promise.all([a.send(round), b.send(-round)]);
      const first = await got;
      const other = first.case === 'a' ? b : a;
      expect(await other.recv()).toEqual({ ok: true, value: first.case === 'a' ? -round : round });
    }
    await a.send(1);
    const full = select({ out: send(a, 2), quit: recv(b) });
    await b.send(3);
    expect(await full).toEqual({ case: 'quit', ok: true, value: 3 });
    expect(await a.recvMany(9)).toEqual([1]);
  });
});

describe('bad input', () => {
  const channel: SharedChannel<string> = sharedChannel({ capacity: 3, codec: utf8 });
  const { handle } = channel;
  const spoilt = (change: object): ChannelHandle<string> => ({ ...handle, ...change }) as never;

  it.each([
    ['no options', () => sharedChannel(undefined as never), 'ERR_INVALID_ARG_TYPE'],
    ['a negative capacity', () => sharedChannel({ capacity: -1 }), 'ERR_OUT_OF_RANGE'],
    ['no bytes', () => sharedChannel({ capacity: 1, maxBytes: 0 }), 'ERR_OUT_OF_RANGE'],
    ['an unknown option', () => sharedChannel({ capacity: 1, size: 2 } as never), 'ERR_INVALID_ARG_VALUE'],
    [
      'a codec that is none',
      () => sharedChannel({ capacity: 1, codec: {} as never }),
      'ERR_INVALID_ARG_TYPE',
    ],
    ['no handle', () => openChannel(null as never), 'ERR_INVALID_ARG_TYPE'],
    ['a handle of something else', () => openChannel(spoilt({ sluice: 'mutex' })), 'ERR_INVALID_ARG_TYPE'],
    ['a handle of another process', () => openChannel(spoilt({ pid: 1 })), 'ERR_FOREIGN_HANDLE'],
    ['a handle of another version', () => openChannel(spoilt({ version: 99 })), 'ERR_SHARED_LAYOUT'],
    [
      'a handle that came as JSON',
      () => openChannel(JSON.parse(JSON.stringify(handle))),
      'ERR_INVALID_ARG_TYPE',
    ],
    [
      'memory that is no channel',
      () =>
        openChannel(
          spoilt({ region: { buffer: new SharedArrayBuffer(65_536), byteOffset: 0, byteLength: 65_536 } }),
        ),
      'ERR_SHARED_LAYOUT',
    ],
    ['another codec', () => openChannel(handle, { codec: json }), 'ERR_CODEC_MISMATCH'],
    ['a codec that is missing', () => openChannel(spoilt({ codec: 'mine' })), 'ERR_INVALID_ARG_TYPE'],
    [
      'readMany without a buffer',
      () => sharedChannel({ capacity: 0 }).readMany(1, () => {}),
      'ERR_NOT_SUPPORTED',
    ],
    ['readMany of nothing', () => sharedChannel({ capacity: 1 }).readMany(0, () => {}), 'ERR_OUT_OF_RANGE'],
    [
      'readMany to nobody',
      () => sharedChannel({ capacity: 1 }).readMany(1, 1 as never),
      'ERR_INVALID_ARG_TYPE',
    ],
    ['reserve without a buffer', () => sharedChannel({ capacity: 0 }).reserve(1), 'ERR_NOT_SUPPORTED'],
  ])('%s', (_name, call, code) => {
    expect(call).toThrow(expect.objectContaining({ code }));
  });

  it('a handle of another copy of the package in the process', async () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const folder = mkdtempSync(join(root, 'build', 'copy-'));
    try {
      for (const part of ['dist', 'package.json', 'build/Release/sluice.node'])
        cpSync(join(root, part), join(folder, part), { recursive: true });
      const copy = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
      const theirs = copy.sharedChannel({ capacity: 1 });
      const refused = expect.objectContaining({
        code: 'ERR_FOREIGN_HANDLE',
        message: expect.stringContaining('another copy'),
      });
      expect(() => openChannel(theirs.handle)).toThrow(refused);
      expect(() => copy.openChannel(handle)).toThrow(refused);
      expect(copy.openChannel(theirs.handle)).toBe(theirs);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('SharedArrayBuffer switched off', () => {
    const saved = globalThis.SharedArrayBuffer;
    try {
      Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
      expect(() => sharedChannel({ capacity: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_SHARED_MEMORY_UNAVAILABLE' }),
      );
    } finally {
      globalThis.SharedArrayBuffer = saved;
    }
  });

  it('a capacity is rounded up, and opening again gives the same', () => {
    expect(channel.capacity).toBe(4);
    expect(openChannel(handle)).toBe(channel);
    channel.close('once');
    openChannel(handle).close('twice');
    expect(channel.tryRecv()).toEqual({ ok: false, reason: 'closed', cause: 'once' });
  });
});
