// Compiles the addon with node-gyp, for the set-up and for the prebuilt binary alike.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { nodeHeaders } from './node-headers.mjs';
import { root, run, StepError } from './run.mjs';

const TOOLS = [
  [process.env.CXX ?? 'c++', 'a C++20 compiler (g++ 12 or clang 14 and later)'],
  ['make', 'make'],
  ['python3', 'python3, which node-gyp needs'],
];

export function checkTools() {
  for (const [tool, what] of TOOLS) {
    const probe = spawnSync(tool, ['--version'], { encoding: 'utf8' });
    if (probe.error || probe.status !== 0) {
      throw new StepError(`${tool} was not found: the native addon needs ${what}`);
    }
  }
}

/** The environment in which node-gyp finds Node's headers without the network. */
export const gypEnvironment = () => ({ ...process.env, npm_config_nodedir: nodeHeaders() });

/** Builds build/Release/sluice.node from scratch. */
export function buildAddon() {
  checkTools();
  const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  run(process.execPath, [gyp, 'rebuild', '--release', '--jobs=max'], { env: gypEnvironment() });
}
