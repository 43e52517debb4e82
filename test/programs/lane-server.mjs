// A listener, its pool and their dispatch in a thread that others may end at any moment: says where it listens.
import { parentPort, workerData } from 'node:worker_threads';
import { lines, listen, WorkerPool } from 'sluice';

const pool = new WorkerPool(new URL('./lane-handlers.mjs', import.meta.url), { workers: 2 });
const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors: workerData.reactors });
await server.dispatch(pool, 'echo', { lanes: 4, onConnect: 'opened' });
parentPort.postMessage(server.address.port);
