// What the workers run: about 5 µs of work for each frame, and the frame's number for an answer. The work is a count of steps, not
// of time: a worker that is made to wait for its CPU has not worked meanwhile.
const STEPS = 2900;
const DIGITS = 10;

/** Marsaglia's xorshift, so many times: nothing to allocate, nothing to leave out. */
function work(seed) {
  let x = seed | 1;
  for (let i = 0; i < STEPS; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  return x;
}

let sink = 0;

export function onBatch(batch) {
  for (let i = 0; i < batch.length; i++) {
    sink ^= work(i);
    const line = batch.text(i);
    batch.reply(i, `${line.slice(0, DIGITS)}\n`);
  }
}

/** The same work with nothing around it. */
export function alone(frames) {
  for (let i = 0; i < frames; i++) sink ^= work(i);
  return sink === 0 ? 0 : 1; // whoever looks can't leave the work out
}
