// Functions of a worker pool for the pipeline's tests.
export const parse = (n) => n;
export const isEven = (n) => n % 2 === 0;

export function fail(n) {
  throw Object.assign(new RangeError(`no ${n}`), { code: 'ERR_TRIED' });
}

export const hang = () => new Promise(() => {});

export function dieAtOne(n) {
  if (n === 1) process.exit(3);
  return n;
}
