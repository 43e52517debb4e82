/**
 * The only loader of the addon. A prebuilt binary lies in the package; a checkout has the one that node-gyp built.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Logs } from './logs.js';
import type { Sinks } from './sinks.js';
import type { Reactors } from './sockets.js';
import type { Wakes } from './wakes.js';

export type NativeModule = Reactors & Sinks & Wakes & Logs;

const require = createRequire(import.meta.url);
const load = require('node-gyp-build') as (folder: string) => NativeModule;

/** The package's folder: two up from dist/platform/native.js. */
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

export const native: NativeModule = load(packageFolder);
