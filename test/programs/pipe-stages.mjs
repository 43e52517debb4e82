// Stages of `sluice pipe` in test/206.
export const parse = (line) => (line.length === 0 ? undefined : JSON.parse(line.toString()));
export const wanted = (value) => (value.keep === false ? undefined : value);
export const double = async (value) => ({ ...value, n: value.n * 2 });
export const text = (bytes) => Buffer.from(bytes).toString().toUpperCase();
