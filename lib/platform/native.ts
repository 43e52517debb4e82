/**
 * The only loader of the addon. A prebuilt binary lies in the package; a checkout has the one that node-gyp built.
 *
 * Looking for it costs a worker more than loading it does. So the first thread leaves the path in the environment data that
 * Node.js hands to each thread, under a key that names this copy of the package.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import type { Logs } from './logs.js';
import type { Sinks } from './sinks.js';
import type { Reactors } from './sockets.js';
import type { Wakes } from './wakes.js';

export type NativeModule = Reactors & Sinks & Wakes & Logs;

/** The package's folder: two up from dist/platform/native.js and from the bundle's chunks. */
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));
const key = `sluice.addon ${packageFolder}`;

function findAddon(): string {
  const known = getEnvironmentData(key);
  if (typeof known === 'string') return known;
  const { path } = createRequire(import.meta.url)('node-gyp-build') as { path(folder: string): string };
  const found = path(packageFolder);
  setEnvironmentData(key, found);
  return found;
}

function load(): NativeModule {
  const module = { exports: {} as NativeModule };
  process.dlopen(module, findAddon());
  return module.exports;
}

export const native: NativeModule = load();
