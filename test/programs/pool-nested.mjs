// Tasks of tasks, in numbers.
import { setImmediate as turn } from 'node:timers/promises';
import { currentPool } from '../../dist/index.js';

const run = (name, args, options) => currentPool().run(name, args, options);
const times = (n, one) => Promise.all(Array.from({ length: n }, (_, i) => one(i)));

export const leaf = (n) => n;
export const dir = (n) => run('leaf', [n]);
export const dirWith = (n, options) => run('leaf', [n], options);
export const keyed = (n) => run('leaf', [n], { key: n });
/** `n` tasks that each wait for one of their own. */
export const walk = async (n, one = 'dir', ...more) => (await times(n, (i) => run(one, [i, ...more]))).length;
/** Two levels of fan-out, and a leaf for each. */
export const fan = async (n) => (await times(n, () => run('walk', [n]))).reduce((a, b) => a + b, 0);
export const chain = async (n, options, ...more) =>
  n === 0 ? 0 : 1 + (await run('chain', [n - 1, options, ...more], options));

/** Waits for what another task awaits. */
let shared;
export function shares(n) {
  shared ??= run('dir', [n]);
  return shared;
}

/** Calls `inner` with a key, long after the first await. */
export async function holding(inner, key, ...more) {
  await turn();
  return run(inner, more, { key });
}
export const between = (inner, key, ...more) => run('holding', [inner, key, ...more]);
export const fails = (n) => {
  throw new RangeError(`no ${n}`);
};
/** Leaves a task of its own key to itself, and ends before it begins. */
export async function leaves(key) {
  setTimeout(async () => {
    left = await run('leaf', ['later'], { key });
  }, 20);
  return 'left';
}
let left;
export const whatWasLeft = () => left;
