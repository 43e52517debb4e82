/**
 * The only loader of the addon. A prebuilt binary lies in the package; a checkout has the one that node-gyp built.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeModule as SocketDriver } from './sockets.js';
import type { SharedDriver } from './wakes.js';

type NativeModule = SocketDriver & SharedDriver;

const require = createRequire(import.meta.url);
const load = require('node-gyp-build') as (folder: string) => NativeModule;

/** The package's folder: two up from dist/platform/native.js. */
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

export const native: NativeModule = load(packageFolder);
