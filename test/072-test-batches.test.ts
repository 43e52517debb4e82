// Batches and connections for the tests of one's own server.
import type { Connection, FrameBatch } from 'sluice';
import { BatchReleasedError, ConnectionClosedError, WriteAfterEndError } from 'sluice';
import { type TestConnection, testBatch, testConnection, virtualTime } from 'sluice/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';

describe('a test batch', () => {
  it('gives frames of strings and bytes in every form that a real one has', () => {
    const batch = testBatch(['héllo', Uint8Array.of(1, 2, 3), '']);
    expect(batch).toHaveLength(3);
    expect(batch.text(0)).toBe('héllo');
    expect([...batch.bytes(1)]).toEqual([1, 2, 3]);
    expect(batch.byteAt(1, 2)).toBe(3);
    expect(batch.byteAt(1, 3)).toBeUndefined();
    expect(batch.end(2) - batch.start(2)).toBe(0);
    expect(batch.buffer.toString('utf8', batch.start(0), batch.end(0))).toBe('héllo');
    expect([...batch].map((frame) => frame.length)).toEqual([6, 3, 0]);
    batch.release();
    expect(() => batch.text(0)).toThrow(BatchReleasedError);
  });

  it('uses one connection for all frames without a connection', () => {
    const batch = testBatch(['a', 'b']);
    expect(batch.connection(0)).toBe(batch.connection(1));
    batch.reply(0, '1');
    batch.reply(1, Uint8Array.of(50));
    expect((batch.connection(0) as TestConnection).writes).toEqual([Buffer.from('1'), Buffer.from('2')]);
  });

  it('keeps the connections that frames name', () => {
    const [a, b] = [testConnection(), testConnection()];
    const batch = testBatch([
      [a, 'x'],
      [b, 'y'],
      [a, 'z'],
    ]);
    expect([0, 1, 2].map((i) => batch.connection(i))).toEqual([a, b, a]);
    expect(a.id).not.toBe(b.id);
  });

  it('copies the frames and everything written', () => {
    const frame = Uint8Array.of(1);
    const batch = testBatch([frame]);
    frame[0] = 9;
    expect(batch.byteAt(0, 0)).toBe(1);
    const answer = Buffer.from('yes');
    batch.reply(0, answer);
    answer.fill(0);
    expect((batch.connection(0) as TestConnection).text).toBe('yes');
  });

  it('may be empty', () => {
    expect([...testBatch([])]).toEqual([]);
  });

  it('refuses anything but a frame', () => {
    for (const frames of ['text', 7, [7], [[{}, 'x']], [[testConnection(), 7]]])
      expect(() => testBatch(frames as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
  });

  it('carries the type of the data kept with a connection', () => {
    interface Session {
      user: string;
    }
    const connection = testConnection<Session>({ data: { user: 'ada' } });
    const batch = testBatch([[connection, 'x']]);
    expectTypeOf(batch).toEqualTypeOf<FrameBatch<Session>>();
    expectTypeOf(connection).toExtend<Connection<Session>>();
    expect(batch.connection(0).data.user).toBe('ada');
  });
});

describe('a test connection', () => {
  it('refuses writes and replies after its end, like a real one', () => {
    const connection = testConnection();
    const batch = testBatch([[connection, 'x']]);
    connection.end('bye\n');
    expect(connection).toMatchObject({ writable: false, closed: false, endedBy: 'end', lines: ['bye'] });
    for (const call of [() => connection.write('x'), () => connection.end('x'), () => batch.reply(0, 'x')])
      expect(call).toThrow(WriteAfterEndError);
    connection.end();
  });

  it('drops replies once it is closed, and refuses writes', () => {
    const connection = testConnection();
    const batch = testBatch([[connection, 'x']]);
    connection.close({ code: 'ECONNRESET', message: 'gone' });
    batch.reply(0, 'x');
    expect(connection).toMatchObject({ closed: true, writes: [] });
    expect(() => connection.write('x')).toThrow(ConnectionClosedError);
  });

  it('records how it was ended and paused', () => {
    const connection = testConnection();
    connection.pause();
    expect(connection.paused).toBe(true);
    connection.resume();
    connection.destroy('why');
    expect(connection).toMatchObject({
      paused: false,
      endedBy: 'destroy',
      destroyCause: 'why',
      closed: true,
    });
  });

  it('has backpressure while its peer is stalled', async () => {
    const connection = testConnection({ outputHighWater: 4 });
    expect(connection.write('12345')).toBe(true);
    connection.stall();
    expect(connection.write('123')).toBe(true);
    expect(connection.write('4')).toBe(false);
    expect(connection.queuedBytes).toBe(4);
    let isDrained = false;
    const drained = connection.drained().then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    connection.unstall();
    await drained;
    connection.stall();
    connection.write('x');
    const lost = connection.drained();
    connection.close();
    await expect(lost).rejects.toBeInstanceOf(ConnectionClosedError);
  });

  it('has a state when stateBytes asks for one, and refuses wrong options', () => {
    expect(testConnection({ stateBytes: 16 }).state).toEqual(new Uint8Array(16));
    expect(() => testConnection().state).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }));
    expect(() => testConnection({ stateBytes: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
    expect(() => testConnection({ bytes: 7 } as never)).toThrow();
  });
});

it('virtual time has a clock to hand on', async () => {
  using time = virtualTime({ startAt: new Date(1_000_000) });
  const { now } = time;
  expect(now()).toBe(1_000_000);
  await time.advance(2500);
  expect(now()).toBe(1_002_500);
});
