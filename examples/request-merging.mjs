// Request merging: a gateway in front of a back end that takes 20 ms for a call. Clients ask for users by a Zipf distribution: few are
// asked for often, most hardly ever. The same requests go through three gateways: one that calls for each request, one that
// joins requests for the same user, and one that also gathers 50 ms of different users into one call.
//
//   node examples/request-merging.mjs [requests] [requests a second] [out.svg]
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { merger } from 'sluice/merge';

const REQUESTS = Number(process.argv[2] ?? 3_000);
const PER_SECOND = Number(process.argv[3] ?? 500);
const SVG = process.argv[4] ?? 'request-merging.svg';
const USERS = 1_000;
const BACK_END_MS = 20;
const WINDOW_MS = 50;

/** Draws from 1 … USERS, n with a weight of 1 / n; the same numbers each time. */
function zipf() {
  const sums = [];
  for (let n = 1; n <= USERS; n++) sums.push((sums.at(-1) ?? 0) + 1 / n);
  let seed = 1;
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const at = (seed / 2 ** 32) * sums.at(-1);
    return 1 + sums.findIndex((sum) => sum > at);
  };
}

async function listening(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

let calls = 0;
const backEnd = await listening(async (request, response) => {
  calls++;
  await sleep(BACK_END_MS);
  const ids = new URL(request.url, 'http://back-end').searchParams.get('ids').split(',');
  response.end(JSON.stringify(ids.map((id) => ({ id, name: `user ${id}` }))));
});

async function fetchText(url) {
  const [response] = await once(get(url), 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}
const load = async (ids) => JSON.parse(await fetchText(`${backEnd.url}/?ids=${ids}`));

const gateways = {
  'a call for each request': { get: async (id) => (await load([id]))[0] },
  'joins the same user': merger({ load, maxKeys: 1, concurrency: 1_000 }),
  [`and gathers for ${WINDOW_MS} ms`]: merger({ load, windowMs: WINDOW_MS }),
};

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

async function measure(users) {
  const gateway = await listening(async (request, response) => {
    response.end((await users.get(Number(request.url.slice(1)))).name);
  });
  const next = zipf();
  const latencies = [];
  calls = 0;
  const asks = [];
  const began = performance.now();
  for (let i = 0; i < REQUESTS; i++) {
    const early = began + (i * 1000) / PER_SECOND - performance.now();
    if (early > 1) await sleep(early);
    const id = next();
    const sent = performance.now();
    asks.push(
      fetchText(`${gateway.url}/${id}`).then((name) => {
        if (name !== `user ${id}`) throw new Error(`asked for user ${id}, got ${name}`);
        latencies.push(performance.now() - sent);
      }),
    );
  }
  await Promise.all(asks);
  gateway.server.close();
  latencies.sort((a, b) => a - b);
  return { calls, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

const results = [];
for (const [name, users] of Object.entries(gateways)) results.push({ name, ...(await measure(users)) });
backEnd.server.close();

const row = (cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(26) : cell.padStart(12))).join('');
console.log(
  `${REQUESTS} requests, ${PER_SECOND} a second, for ${USERS} users; a call to the back end takes ${BACK_END_MS} ms\n`,
);
console.log(row(['the gateway', 'calls', 'saved', 'p50 ms', 'p99 ms']));
for (const { name, calls: made, p50, p99 } of results)
  console.log(
    row([
      name,
      String(made),
      `${(100 * (1 - made / REQUESTS)).toFixed(1)} %`,
      p50.toFixed(1),
      p99.toFixed(1),
    ]),
  );

/** Two bars for each gateway: calls, and the median latency. */
function draw() {
  const [width, height, left] = [760, 60 + results.length * 64, 200];
  const most = Math.max(...results.map(({ calls: made }) => made));
  const slowest = Math.max(...results.map(({ p50 }) => p50));
  const bars = results.flatMap(({ name, calls: made, p50 }, i) => {
    const y = 44 + i * 64;
    const bar = (down, share, colour, text) =>
      `<rect x="${left}" y="${y + down}" width="${Math.max(1, share * 420).toFixed(1)}" height="18" fill="${colour}"/>` +
      `<text x="${(left + Math.max(1, share * 420) + 6).toFixed(1)}" y="${y + down + 13}">${text}</text>`;
    return [
      `<text x="${left - 10}" y="${y + 24}" text-anchor="end">${name}</text>`,
      bar(0, made / most, '#0b7285', `${made} calls`),
      bar(22, p50 / slowest, '#c2410c', `${p50.toFixed(1)} ms in the median`),
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#374151">
<title>Calls to the back end, and latency</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="10" y="22" font-size="14">${REQUESTS} requests for users by a Zipf distribution</text>
${bars.join('\n')}
</svg>
`;
}
writeFileSync(SVG, draw());
console.log(`\ndrawn in ${SVG}`);
