// Work stealing under uneven load. One task splits into sixty of very different size, all on the deque of the worker that runs
// it; the other workers steal from there. Who ran what and when becomes an SVG: node examples/work-stealing.mjs [file.svg]
import { writeFileSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import { currentPool, WorkerPool } from 'sluice';

const WORKERS = 4;
const now = () => performance.timeOrigin + performance.now();

/** A piece of work: so many ms of it. */
export function piece(name, ms) {
  const from = now();
  for (const end = from + ms; now() < end; );
  return { name, worker: threadId, from, to: now() };
}

/** Splits: every tenth piece is ten times as large as the others. */
export async function split(count) {
  const pool = currentPool();
  const pieces = Array.from({ length: count }, (_, i) => pool.run('piece', [i, i % 10 === 0 ? 10 : 1]));
  return { home: threadId, pieces: await Promise.all(pieces) };
}

function drawing(pieces) {
  const begin = Math.min(...pieces.map(({ from }) => from));
  const end = Math.max(...pieces.map(({ to }) => to));
  const workers = [...new Set(pieces.map(({ worker }) => worker))].sort((a, b) => a - b);
  const x = (time) => 80 + ((time - begin) / (end - begin)) * 900;
  const rows = workers.map((worker, row) => {
    const bars = pieces
      .filter((one) => one.worker === worker)
      .map(({ name, from, to }) => {
        const width = Math.max(1, x(to) - x(from) - 0.5).toFixed(1);
        const color = name % 10 === 0 ? '#c2552d' : '#3572b0';
        return `<rect x="${x(from).toFixed(1)}" y="${row * 30 + 30}" width="${width}" height="22" fill="${color}"><title>piece ${name}</title></rect>`;
      });
    return `<text x="8" y="${row * 30 + 46}">worker ${row + 1}</text>${bars.join('')}`;
  });
  const height = workers.length * 30 + 50;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${height}" font-family="sans-serif" font-size="13">
<rect width="1000" height="${height}" fill="white"/>
<text x="80" y="18">${pieces.length} pieces of one task in ${(end - begin).toFixed(0)} ms; red ones take ten times as long</text>
${rows.join('\n')}
</svg>
`;
}

if (isMainThread) {
  const pool = new WorkerPool(new URL(import.meta.url), { workers: WORKERS });
  await pool.ready();
  const { home, pieces } = await pool.run('split', [60]);
  const { steals, stolen } = pool.stats();
  console.log(`${pieces.length} pieces, each once: ${new Set(pieces.map(({ name }) => name)).size === 60}`);
  console.log(`others than the one that split ran some: ${pieces.some(({ worker }) => worker !== home)}`);
  console.log(`stolen: ${steals > 0 && stolen >= steals}`);
  const file = process.argv[2];
  if (file !== undefined) {
    writeFileSync(file, drawing(pieces));
    console.log(`drawn: ${file}`);
  }
  await pool.close();
}
