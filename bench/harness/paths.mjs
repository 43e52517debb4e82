// Where things lie that more than one workload uses.
import { fileURLToPath } from 'node:url';

const at = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const ROOT = at('../../');
export const BENCH = at('../');
export const RESULTS = at('../results/');
export const LOAD = at('../load/build/load');
export const BUN = at(
  `../node_modules/@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : 'x64'}/bin/bun`,
);
