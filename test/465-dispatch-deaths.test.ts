import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { lines, listen, WorkerPool } from 'sluice';
import { expect, it } from 'vitest';

const full = process.env.SLUICE_STRESS === 'full';
const CONNECTIONS = full ? 1000 : 100;
const FRAMES = full ? 10_000 : 1000;
const DEATHS = full ? 200 : 6;
const CHUNK = 100;

/** Sends numbered lines, never more than a window ahead of the answers that can still come. */
class Sender {
  readonly got: number[] = [];
  readonly socket: Socket;
  #sent = 0;
  #rest = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1', () => this.send());
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => this.#take(text));
  }
  send(): void {
    let text = '';
    for (const end = Math.min(FRAMES, this.#sent + CHUNK); this.#sent < end; this.#sent++)
      text += `${this.#sent}\n`;
    if (text !== '') this.socket.write(text, () => setImmediate(() => this.send()));
  }
  get isSent(): boolean {
    return this.#sent === FRAMES && this.socket.writableLength === 0;
  }
  #take(text: string): void {
    const all = (this.#rest + text).split('\n');
    this.#rest = all.pop()!;
    for (const line of all) this.got.push(Number(line));
  }
}

it.each([0, 1, 2])(
  'outlives a listening thread that is ended in the middle of traffic, reactors: %i',
  async (reactors) => {
    for (let i = 0; i < (full ? 50 : 2); i++) {
      const thread = new Worker(new URL('./programs/lane-server.mjs', import.meta.url), {
        workerData: { reactors },
      });
      const [port] = await once(thread, 'message');
      const clients = Array.from({ length: 10 }, () => connect(port, '127.0.0.1').resume());
      for (const client of clients) client.on('error', () => {});
      const closed = Promise.all(
        clients.map((client) => new Promise((resolve) => client.on('close', resolve))),
      );
      const sending = setInterval(() => {
        for (const client of clients) if (client.writable) client.write('x\n'.repeat(500));
      }, 1);
      await sleep(Math.random() * 60);
      await thread.terminate();
      await closed;
      clearInterval(sending);
    }
  },
);

it.each([0, 1])(
  'keeps the order of each connection and accounts for every frame while workers die, reactors: %i',
  async (reactors) => {
    const workers: Worker[] = [];
    const collect = (worker: Worker): void => void workers.push(worker);
    process.on('worker', collect);
    const pool = new WorkerPool(new URL('./programs/lane-handlers.mjs', import.meta.url), { workers: 2 });
    const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
    const dispatch = await server.dispatch(pool, 'echo', { lanes: 32 });
    let reported = 0;
    dispatch.onLost(({ frames }) => {
      reported += frames;
    });
    const { port } = server.address as { port: number };
    const senders = Array.from({ length: CONNECTIONS }, () => new Sender(port));
    for (let i = 0; i < DEATHS; i++) {
      await sleep(30 + Math.random() * 50);
      await workers[workers.length - 1 - Math.floor(Math.random() * 2)]?.terminate();
    }
    while (!senders.every((sender) => sender.isSent)) await sleep(5);
    while (dispatch.stats().frames < CONNECTIONS * FRAMES) await sleep(5);
    await dispatch.idle();
    const { handled, lost, frames } = dispatch.stats();
    expect(handled + lost).toBe(frames);
    expect(lost).toBe(reported);
    // What was handled was answered; of what was lost some may have been.
    const answered = (): number => senders.reduce((sum, { got }) => sum + got.length, 0);
    while (answered() < handled) await sleep(5);
    expect(answered()).toBeLessThanOrEqual(handled + lost);
    for (const { got } of senders) {
      for (let i = 1; i < got.length; i++)
        if (got[i]! <= got[i - 1]!) expect(got.slice(i - 1, i + 1)).toBe('in order');
    }
    for (const { socket } of senders) socket.destroy();
    await server.close();
    await pool.close({ timeout: 1000 });
    process.off('worker', collect);
  },
  full ? 1_200_000 : 120_000,
);
