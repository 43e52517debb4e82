// A reactor for each JavaScript thread: several at once, and threads that end in the middle of traffic.
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { connect, lines } from 'sluice';
import { describe, expect, it } from 'vitest';
import { exitOf } from './support/lifetime.js';
import { listen, reactors } from './support/mode.js';

const workerProgram = new URL('./programs/worker-server.mjs', import.meta.url);
const forms = ['push', 'pull', 'slow'] as const;

async function startWorker(
  form: (typeof forms)[number],
  recycle = false,
): Promise<{ worker: Worker; port: number }> {
  const worker = new Worker(workerProgram, { workerData: { form, recycle, reactors: reactors() } });
  const [port] = await once(worker, 'message');
  return { worker, port };
}

describe('threads', () => {
  it('serves from several workers and the main thread at once', async () => {
    const workers = await Promise.all(forms.map((form) => startWorker(form)));
    const main = await listen('tcp://127.0.0.1:0', { framing: lines() });
    main.onBatch((batch) => {
      for (const frame of batch) frame.reply(`${frame.text()}\n`);
    });
    const ports = [...workers.map(({ port }) => port), (main.address as { port: number }).port];
    await Promise.all(
      ports.map(async (port) => {
        const peer = await connect(`tcp://127.0.0.1:${port}`, { framing: lines() });
        const count = 20_000;
        let seen = 0;
        for (let i = 0; i < count; i++) if (!peer.write(`${port} line ${i}\n`)) await peer.drained();
        for await (const batch of peer) {
          for (let i = 0; i < batch.length; i++) expect(batch.text(i)).toBe(`${port} line ${seen++}`);
          if (seen === count) break;
        }
        expect(seen).toBe(count);
        await peer.close();
      }),
    );
    await main.close();
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
  });

  it('survives the end of workers in the middle of traffic', { timeout: 120_000 }, async () => {
    const rounds = Number(process.env.SLUICE_SOAK ?? 0) > 0 ? 500 : 60;
    for (let round = 0; round < rounds; round++) {
      const { worker, port } = await startWorker(forms[round % forms.length]!, round % 2 === 0);
      const clients = Array.from({ length: 5 }, () => net.connect(port, '127.0.0.1'));
      let echoed = 0;
      for (const client of clients) {
        client.on('error', () => {}); // the server's thread is about to end
        client.on('data', (data) => {
          echoed += data.length;
          client.write('x'.repeat(round * 97).concat('\n'));
        });
        client.write('first\nsecond\nthird and a half');
      }
      while (echoed < 1000 + round * 100) await new Promise((resolve) => setImmediate(resolve));
      await worker.terminate();
      await Promise.all(
        clients.map(
          (client) =>
            new Promise((resolve) => (client.closed ? resolve(null) : client.once('close', resolve))),
        ),
      );
    }
  });

  it.each([
    ['an open server keeps the process alive', 'await listen(address);', null],
    ['an unref-ed one does not', '(await listen(address)).unref();', 0],
    ['nor does a closed one', 'await (await listen(address)).close();', 0],
    [
      'nor an unref-ed one with traffic',
      `const server = await listen(address, { framing: lines() });
       server.onBatch(() => {});
       const peer = await connect('tcp://127.0.0.1:' + server.address.port);
       peer.write('line\\n'.repeat(100_000));
       await peer.drained();
       peer.unref(); server.unref();`,
      0,
    ],
    [
      'process.exit with traffic under way is clean',
      `const server = await listen(address, { framing: lines() });
       server.onBatch((batch) => { if (server.stats().frames > 50_000) process.exit(7); });
       const peer = await connect('tcp://127.0.0.1:' + server.address.port);
       for (;;) if (!peer.write('line\\n'.repeat(100))) await peer.drained();`,
      7,
    ],
  ])('%s', async (_, source, status) => {
    const library = fileURLToPath(new URL('../dist/index.js', import.meta.url));
    const program = `import { connect, lines, listen as listenInLibrary } from ${JSON.stringify(library)};
      const listen = (address, options) => listenInLibrary(address, { reactors: ${reactors()}, ...options });
      const address = 'tcp://127.0.0.1:0'; ${source};`;
    expect(await exitOf(program)).toBe(status);
  });
});
