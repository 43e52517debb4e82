// A worker pool of closures over a channel, in one thread: jobs are functions, four workers take them, and what a job gives or
// throws goes to who submitted it. It bounds how many requests, queries or files are under way at once.
import { setImmediate as turn } from 'node:timers/promises';
import { background, channel, Group, WaitGroup } from 'sluice';

const jobs = channel(16);
const workers = new Group(background());
let running = 0;
let most = 0;

for (let i = 0; i < 4; i++) {
  workers.go(async (ctx) => {
    for await (const job of jobs) {
      most = Math.max(most, ++running);
      await job(ctx);
      running--;
    }
  });
}

/** Runs `fn` in a worker; the promise is that of its result. */
function submit(fn) {
  return new Promise((resolve, reject) => {
    const job = async (ctx) => {
      try {
        resolve(await fn(ctx));
      } catch (error) {
        reject(error);
      }
    };
    jobs.send(job).catch(reject); // closed
  });
}

const finished = new WaitGroup();
const results = [];
for (let i = 1; i <= 20; i++) {
  finished.go(async () => {
    const result = await submit(async () => {
      await turn(); // stands for a query
      return i * i;
    });
    results.push(result);
  });
}

await finished.wait();
jobs.close();
await workers.wait();
console.log(`${results.length} results, the last is ${results.sort((a, b) => a - b).at(-1)}`);
console.log(`at most ${most} at once`);
