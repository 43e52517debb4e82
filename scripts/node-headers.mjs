// Where Node's C headers are, without downloading a headers archive: beside the running Node, or in npm's package of
// the same version, which carries them too.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { npm, root } from './run.mjs';

const hasHeaders = (folder) => existsSync(join(folder, 'include/node/node_api.h'));

/** The folder to give node-gyp as --nodedir. */
export function nodeHeaders() {
  const prefix = resolve(dirname(process.execPath), '..');
  if (hasHeaders(prefix)) return prefix;
  const name = `node-${process.platform}-${process.arch}`;
  const version = process.versions.node;
  // Not under build/: node-gyp empties that folder first.
  const cache = join(root, 'node_modules', '.cache', `node-headers-${version}`);
  const packaged = join(cache, 'node_modules', name);
  if (!hasHeaders(packaged)) {
    console.log(`Node's headers are not beside ${process.execPath}; taking ${name}@${version} from npm`);
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'package.json'), '{"private":true}');
    npm([
      'install',
      '--prefix',
      cache,
      '--no-save',
      '--ignore-scripts',
      '--no-package-lock',
      `${name}@${version}`,
    ]);
  }
  return packaged;
}
