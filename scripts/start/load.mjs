// The load of `npm start`: what `sluice load` does, reporting to its parent.
//
//   fork(load.mjs, [JSON of LoadOptions' address, connections, durationMs])
import { Load } from '../../dist/cli/load.js';
import { lines } from '../../dist/index.js';

const PROGRESS_MS = 200;

const load = new Load({
  framing: lines(),
  size: 63, // 64 bytes with the newline
  writeSize: 16 * 1024,
  count: Number.MAX_SAFE_INTEGER,
  waitMs: 10_000,
  ...JSON.parse(process.argv[2]),
});
process.on('disconnect', () => process.exit());
await load.connect();
process.send({ ready: true });
process.once('message', async () => {
  const timer = setInterval(() => process.send({ progress: plain(load.report()) }), PROGRESS_MS);
  await load.run();
  clearInterval(timer);
  process.send({ done: plain(load.report()) });
});

function plain({ lost, ...counts }) {
  return { ...counts, lost: lost.entries() };
}
