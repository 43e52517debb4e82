// Makes a checkout ready to run: npm packages, the native addon, the TypeScript build. No dependencies of its own.
//
// Each step remembers what it was made from (a hash of its inputs in build/setup.json) and is skipped while that is
// unchanged, so a second run costs a fraction of a second.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildAddon } from './build-addon.mjs';
import { bundle } from './bundle.mjs';
import { main, npm, root, run, StepError } from './run.mjs';

const buildFolder = join(root, 'build');
const stampFile = join(buildFolder, 'setup.json');

const lockFolder = join(root, '.setup-lock');
const lockOwner = join(lockFolder, 'pid');
const LOCK_POLL_MS = 200;
/** How long a lock may stand without its owner's name before it counts as left behind. */
const LOCK_UNOWNED_MS = 10_000;

const MIN_NODE = [20, 19];

function filesUnder(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full, { withFileTypes: true })
    .flatMap((entry) => filesUnder(join(path, entry.name)))
    .sort();
}

function hashOf(paths, ...extra) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(filesUnder))
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  for (const text of extra) hash.update(text);
  return hash.digest('hex');
}

const steps = [
  {
    name: 'npm packages',
    made: 'node_modules/.package-lock.json',
    key: () => hashOf(['package-lock.json', 'package.json']),
    // Not `npm ci`: it refuses a lockfile that leaves out some platform's optional binaries.
    make: () => npm(['install', '--no-save', '--no-audit', '--no-fund']),
  },
  {
    name: 'native addon',
    made: 'build/Release/sluice.node',
    key: () =>
      hashOf(
        [
          'native/core',
          'native/addon',
          'binding.gyp',
          'scripts/native-sources.mjs',
          'node_modules/node-addon-api/package.json',
        ],
        process.platform,
        process.arch,
      ),
    make: buildAddon,
  },
  {
    name: 'TypeScript',
    made: 'dist/index.js',
    key: () =>
      hashOf(['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/bundle.mjs']),
    make: async () => {
      rmSync(join(root, 'dist'), { recursive: true, force: true });
      rmSync(join(buildFolder, 'tsconfig.tsbuildinfo'), { force: true });
      run(process.execPath, [
        join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
        '-p',
        'tsconfig.build.json',
      ]);
      await bundle();
    },
  },
];

/** Only one at a time: a folder is the lock, since making one is atomic. One left by a dead process is taken over. */
async function withLock(work) {
  for (let said = false; !acquire(); await sleep(LOCK_POLL_MS)) {
    if (isAbandoned()) rmSync(lockFolder, { recursive: true, force: true });
    else if (!said) {
      console.log(`setup: waiting for another one (${lockFolder})`);
      said = true;
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lockFolder, { recursive: true, force: true });
  }
}

function acquire() {
  try {
    mkdirSync(lockFolder);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(lockOwner, String(process.pid));
  return true;
}

function isAbandoned() {
  try {
    process.kill(Number(readFileSync(lockOwner, 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    // No owner written yet: its maker is about to, unless it died in between.
    const made = statSync(lockFolder, { throwIfNoEntry: false })?.mtimeMs;
    return error.code === 'ENOENT' && made !== undefined && Date.now() - made > LOCK_UNOWNED_MS;
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
    throw new StepError(`Node ${process.versions.node} is too old: ${MIN_NODE.join('.')} or later is needed`);
  }
}

function readStamps() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

function pending(stamps) {
  return steps.filter((step) => !existsSync(join(root, step.made)) || stamps[step.name] !== step.key());
}

await main('setup', async () => {
  checkNode();
  if (pending(readStamps()).length === 0) return;
  await withLock(async () => {
    const stamps = readStamps();
    for (const step of steps) {
      const key = step.key();
      if (existsSync(join(root, step.made)) && stamps[step.name] === key) continue;
      process.stdout.write(`setup: ${step.name} ... `);
      const began = performance.now();
      await step.make();
      console.log(`${((performance.now() - began) / 1000).toFixed(1)} s`);
      stamps[step.name] = key;
      mkdirSync(buildFolder, { recursive: true });
      writeFileSync(stampFile, JSON.stringify(stamps, null, 2));
    }
  });
});
