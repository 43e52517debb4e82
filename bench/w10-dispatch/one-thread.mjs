// one-thread.mjs: the same frames and the same work with no lanes, in the thread that listens.
import { lines, listen } from '../../dist/index.js';
import { onBatch } from './tasks.mjs';

const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
console.log(`listening ${server.address.port}`);
server.onBatch(onBatch);
