// The stage that a worker runs.
export const parse = (n) => n + 1;
