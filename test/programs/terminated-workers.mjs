// Ends workers that do nothing but call the addon, so that the end comes within a call as a rule. Each kind of call that reads
// or makes JavaScript values is one that can fail then: which kind and how many workers, the arguments say.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { connect, listen } from '../../dist/index.js';
import { native } from '../../dist/platform/native.js';

const ADDRESS = 'tcp://127.0.0.1:0';

const calls = {
  /** Objects made and filled: the address of a socket. */
  async describe() {
    const { reactor, id } = (await listen(ADDRESS)).parts[0];
    parentPort.postMessage('calls');
    for (;;) reactor.driver.localAddress(id);
  },
  /** Objects read: what an endpoint is made of. */
  configure() {
    const reactor = new native.LoopReactor(
      new Int32Array(8192),
      () => {},
      () => {},
    );
    parentPort.postMessage('calls');
    // The system has no such address: nothing is opened.
    for (;;)
      reactor.listen({ address: { host: '192.0.2.1', port: 1 }, limits: {}, framing: { kind: 'lines' } });
  },
  /** What the addon makes when a thread loads it. */
  load() {
    parentPort.postMessage('calls');
    for (;;)
      process.dlopen(
        { exports: {} },
        fileURLToPath(new URL('../../build/Release/sluice.node', import.meta.url)),
      );
  },
  /** Turns: calls from the event loop. */
  async turns() {
    const server = await listen(ADDRESS);
    server.onBatch((batch) => {
      for (const frame of batch) frame.reply(frame.bytes());
    });
    const peer = await connect(server.url);
    peer.onBatch((batch) => peer.write(batch.bytes(0)));
    peer.write('x');
    parentPort.postMessage('calls');
  },
};

if (isMainThread) {
  const [kind, count] = process.argv.slice(2);
  const end = async () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: kind });
    await once(worker, 'message');
    await new Promise((resolve) => setImmediate(resolve));
    await worker.terminate();
  };
  for (let left = Number(count); left > 0; left -= 4) await Promise.all([end(), end(), end(), end()]);
} else {
  await calls[workerData]();
}
