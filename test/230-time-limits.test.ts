// Limits in time: slow and silent peers cost one connection each, and nobody pays for what we did not read.
import { type Limits, type Listener, type ListenOptions, lines, listen } from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, closed, nextDisconnect, readAll, until } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';
const wrong = (code: string) => expect.objectContaining({ code });

async function serve(limits: Limits, options: ListenOptions = {}): Promise<Listener> {
  const server = await listen(ANY, { framing: lines(), limits, ...options });
  server.onBatch((batch) => {
    for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
  });
  return server;
}

describe.each([0, 1, 2])('limits in time, reactors: %i', (reactors) => {
  it.each<[string, Limits, string]>([
    ['is silent', { idleMs: 50 }, 'ERR_IDLE_TIMEOUT'],
    ['never brings a frame', { firstFrameMs: 50 }, 'ERR_FIRST_FRAME_TIMEOUT'],
    ['does not end a frame', { frameMs: 50 }, 'ERR_FRAME_TIMEOUT'],
  ])('close a connection that %s', async (_, limits, code) => {
    await using server = await serve(limits, { reactors });
    const ended = nextDisconnect(server);
    const client = await clientOf(server);
    client.write('half a fra');
    expect(await ended).toBe(code);
    await closed(client.resume());
    expect(server.stats()).toMatchObject({ faults: 1, closed: 1 });
  });

  it('answer the frames before the one that does not end', async () => {
    await using server = await serve({ frameMs: 50 }, { reactors });
    const client = await clientOf(server);
    client.write('one\ntwo\nthr');
    expect(String(await readAll(client))).toBe('one\ntwo\n');
  });

  it('pause a connection that brings too many frames, and lose none', async () => {
    await using server = await serve({ framesPerSecond: { rate: 200, burst: 10 } }, { reactors });
    const client = await clientOf(server);
    const sent = Array.from({ length: 40 }, (_, i) => `${i}\n`).join('');
    const began = performance.now();
    client.end(sent);
    expect(String(await readAll(client))).toBe(sent);
    expect(performance.now() - began).toBeGreaterThan(100); // 30 of them wait for a token each
  });

  it('close a connection that brings too many frames where that is chosen', async () => {
    await using server = await serve(
      { framesPerSecond: { rate: 1, burst: 10, whenOver: 'disconnect' } },
      { reactors },
    );
    const ended = nextDisconnect(server);
    const client = await clientOf(server);
    client.write('x\n'.repeat(11));
    expect(await ended).toBe('ERR_FRAME_RATE');
    await closed(client.resume());
  });

  it('drop and count what comes while the consumer is behind, where that is chosen', async () => {
    const server = await listen(ANY, { framing: lines(), overflow: 'drop-newest', reactors });
    const client = await clientOf(server);
    const batches = server[Symbol.asyncIterator]();
    client.write('first\n');
    expect((await batches.next()).value?.text(0)).toBe('first');
    const feed = setInterval(() => client.write('more\n'), 5);
    await until(() => server.stats().dropped > 0);
    clearInterval(feed);
    await batches.return?.();
    await server.close();
    client.destroy();
  });
});

describe('limits in time', () => {
  it('hold while JavaScript is blocked, with reactors of their own', async () => {
    await using server = await serve({ frameMs: 50 }, { reactors: 1 });
    const client = await clientOf(server);
    client.write('half');
    await until(() => server.stats().bytesIn === 4);
    for (const began = performance.now(); performance.now() - began < 200; );
    // Nothing of ours has run since: the reactor has counted it by itself.
    expect(server.stats().faults).toBe(1);
    await closed(client.resume());
  });

  it('call nobody silent whose bytes lie unread since JavaScript was blocked', async () => {
    await using server = await serve({ idleMs: 100 });
    const client = await clientOf(server);
    const answer = readAll(client);
    client.write('ping\n');
    await new Promise((resolve) => setImmediate(resolve));
    for (const began = performance.now(); performance.now() - began < 300; );
    expect(String(await answer)).toBe('ping\n');
  });

  it.each<[string, unknown, string]>([
    ['idleMs', 0, 'ERR_OUT_OF_RANGE'],
    ['frameMs', '1', 'ERR_INVALID_ARG_TYPE'],
    ['firstFrameMs', 1.5, 'ERR_OUT_OF_RANGE'],
    ['bytesPerSecondMin', Number.NaN, 'ERR_OUT_OF_RANGE'],
    ['framesPerSecond', 5, 'ERR_INVALID_ARG_TYPE'],
    ['framesPerSecond', { rate: 0 }, 'ERR_OUT_OF_RANGE'],
    ['framesPerSecond', {}, 'ERR_INVALID_ARG_TYPE'],
    ['framesPerSecond', { rate: 1, burst: 0 }, 'ERR_OUT_OF_RANGE'],
    ['framesPerSecond', { rate: 1, whenOver: 'drop' }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuse %s: %j', async (name, value, code) => {
    await expect(listen(ANY, { limits: { [name]: value } as Limits })).rejects.toEqual(wrong(code));
  });
});
