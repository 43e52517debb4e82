// Checks that a built addon loads wherever Node does: what it asks of the system, what it shows, and that it stays.
//
//   node scripts/check-glibc.mjs [FILE.node ...]      (default: every prebuilt Linux binary)
//
// Node's own Linux binaries ask for glibc 2.28 (BUILDING.md of nodejs/node, "Platform list"), so the addon may ask for
// no newer symbol. Its C++ library is linked in, so no GLIBCXX or CXXABI version may be asked for at all, and nothing
// that only some process happens to provide: whatever has no version must be Node-API or libuv.
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { main, root, run, StepError } from './run.mjs';

const GLIBC_FLOOR = [2, 28];
/** Libraries of glibc itself. Before 2.34 some of its functions lie in the smaller ones. */
const GLIBC_LIBRARIES = new Set([
  'libc.so.6',
  'libm.so.6',
  'libpthread.so.0',
  'libdl.so.2',
  'librt.so.1',
  'ld-linux-x86-64.so.2',
  'ld-linux-aarch64.so.1',
]);
const ENTRY_POINTS = new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
const FROM_NODE = /^(napi_|node_api_|uv_)/;

const isNewer = ([major, minor]) =>
  major > GLIBC_FLOOR[0] || (major === GLIBC_FLOOR[0] && minor > GLIBC_FLOOR[1]);

/** The dynamic symbols as readelf lists them: "Num: Value Size Type Bind Vis Ndx Name@VERSION (n)". */
function dynamicSymbols(file) {
  return run('readelf', ['--wide', '--dyn-syms', file])
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => /^\d+:$/.test(fields[0]) && fields[7] !== undefined)
    .map(([, , , , bind, , section, name]) => {
      const [symbol, version] = name.split(/@+/);
      return { symbol, version, weak: bind === 'WEAK', defined: section !== 'UND' };
    });
}

function faultsOf(file) {
  const faults = [];
  const used = new Set();
  for (const { symbol, version, weak, defined } of dynamicSymbols(file)) {
    if (defined) {
      if (!ENTRY_POINTS.has(symbol)) faults.push(`shows ${symbol}: only Node's entry points should be seen`);
    } else if (version === undefined) {
      if (!weak && !FROM_NODE.test(symbol))
        faults.push(`asks for ${symbol}, which nothing is sure to provide`);
    } else {
      used.add(version);
      const glibc = /^GLIBC_(\d+)\.(\d+)/.exec(version);
      if (glibc === null)
        faults.push(`asks for ${symbol} of ${version}: the C++ library should be linked in`);
      else if (isNewer(glibc.slice(1).map(Number))) faults.push(`asks for ${symbol} of ${version}`);
    }
  }
  const dynamic = run('readelf', ['--wide', '--dynamic', file]);
  for (const [, library] of dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)) {
    if (!GLIBC_LIBRARIES.has(library)) faults.push(`needs ${library}`);
  }
  // A worker's end unloads what it loaded; a reactor's thread may still be inside.
  if (!/FLAGS_1.*NODELETE/.test(dynamic)) faults.push('is not linked with -z nodelete');
  return { faults, used };
}

function prebuiltBinaries() {
  const folder = join(root, 'prebuilds');
  if (!existsSync(folder)) throw new StepError('there is no prebuilt binary: run `npm run prebuild` first');
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.startsWith('linux') && name.endsWith('glibc.node'))
    .map((name) => join(folder, name));
}

/** Sorted as versions are: 2.9 before 2.28. */
const newest = (versions) => [...versions].sort(new Intl.Collator('en', { numeric: true }).compare).at(-1);

await main('check-glibc', () => {
  const files = process.argv.length > 2 ? process.argv.slice(2) : prebuiltBinaries();
  if (files.length === 0) throw new StepError('there is no prebuilt Linux binary');
  const failed = files.filter((file) => {
    const { faults, used } = faultsOf(file);
    for (const fault of faults) console.error(`${relative(root, file)} ${fault}`);
    if (faults.length === 0)
      console.log(`${relative(root, file)}: ${newest(used)} at most, C++ library linked in`);
    return faults.length > 0;
  });
  if (failed.length > 0) {
    throw new StepError(
      `${failed.length} of ${files.length} binaries would not load everywhere that Node (glibc ${GLIBC_FLOOR.join('.')}) runs`,
    );
  }
});
