// The addon's C++ sources, one a line: binding.gyp asks, so that a new file needs no second mention.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Paths relative to the package, sorted, with forward slashes. */
export function nativeSources(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.cc'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log([...nativeSources('native/core'), ...nativeSources('native/addon')].join('\n'));
}
