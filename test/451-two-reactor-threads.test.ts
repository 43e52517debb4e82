// The socket tests again, with the servers' connections spread over two native reactor threads.
import { describe } from 'vitest';
import { serveOn } from './support/mode.js';

serveOn(2);
describe('on two reactor threads', async () => {
  await import('./100-sockets.test.js');
  await import('./140-credit.test.js');
  await import('./150-descriptors.test.js');
});
