// What a program can import, one line each: the name behind `sluice`, and the module of lib/ that it is. package.json ("exports"),
// typedoc.json ("entryPoints"), the tests' aliases and the bundler follow this table; test/002-entries.test.ts compares them.
//
//   node scripts/entries.mjs      writes the table into package.json and typedoc.json
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

export const entries = {
  '.': 'index',
  './net': 'entries/net',
  './channel': 'channel/index',
  './context': 'context/index',
  './sync': 'sync/index',
  './pool': 'pool/index',
  './flow': 'flow/index',
  './merge': 'merge/index',
  './pipeline': 'pipeline/index',
  './log': 'log/index',
  './bus': 'bus/index',
  './testing': 'testing/index',
};

/** The name by which programs import `entry`. */
export const specifierOf = (entry) => entry.replace(/^\./, 'sluice');

/** What package.json says of them. */
export const packageExports = () => ({
  ...Object.fromEntries(
    Object.entries(entries).map(([entry, module]) => [
      entry,
      { types: `./dist/${module}.d.ts`, default: `./dist/${module}.js` },
    ]),
  ),
  './package.json': './package.json',
});

/** What TypeDoc reads. */
export const documented = () => Object.values(entries).map((module) => `lib/${module}.ts`);

if (argv[1] === fileURLToPath(import.meta.url)) {
  const rewrite = (file, change) => {
    const url = new URL(`../${file}`, import.meta.url);
    const json = JSON.parse(readFileSync(url, 'utf8'));
    change(json);
    writeFileSync(url, `${JSON.stringify(json, null, 2)}\n`);
  };
  rewrite('package.json', (json) => {
    json.exports = packageExports();
  });
  rewrite('typedoc.json', (json) => {
    json.entryPoints = documented();
  });
}
