// The socket tests again, with the servers on one native reactor thread.
import { describe } from 'vitest';
import { serveOn } from './support/mode.js';

serveOn(1);
describe('on one reactor thread', async () => {
  await import('./100-sockets.test.js');
  await import('./120-random-streams.test.js');
  await import('./140-credit.test.js');
  await import('./150-descriptors.test.js');
  await import('./160-threads.test.js');
});
