// Says which thread it is, then waits to be terminated.
import { parentPort } from 'node:worker_threads';
import { threadId } from '../../dist/memory/waker.js';

parentPort.on('message', () => {});
parentPort.postMessage(threadId());
