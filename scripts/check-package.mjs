// Checks the package as its users get it: packs it, installs the tarball into an empty project with scripts blocked,
// compiles a program against its types and runs that on each Node given.
//
//   node scripts/check-package.mjs [NODE ...]      (paths of node binaries; default: the running one)
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gypEnvironment } from './build-addon.mjs';
import { main, npm, root, run, StepError } from './run.mjs';

/** What the package must hold, and the only folders it may hold more of. */
const REQUIRED = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  'docs/guides/sockets.md',
  'examples/echo.mjs',
  'binding.gyp',
  'scripts/native-sources.mjs',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/cli/main.js',
  `prebuilds/linux-${process.arch}/sluice.glibc.node`,
];
const FOLDERS = [
  'dist/',
  'docs/',
  'examples/',
  'bench/results/',
  'native/core/',
  'native/addon/',
  'prebuilds/',
];

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tool = (name) => join(root, 'node_modules/.bin', name);

function step(name, work) {
  const began = performance.now();
  const result = work();
  console.log(`check-package: ${name}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return result;
}

function pack(folder) {
  npm(['pack', '--pack-destination', folder]);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new StepError('npm pack made no tarball');
  return join(folder, tarball);
}

function checkContents(tarball) {
  const packed = run('tar', ['--list', '--gzip', '--file', tarball])
    .split('\n')
    .filter((path) => path !== '')
    .map((path) => path.replace(/^package\//, ''));
  const missing = REQUIRED.filter((path) => !packed.includes(path));
  const stray = packed.filter(
    (path) => !REQUIRED.includes(path) && !FOLDERS.some((folder) => path.startsWith(folder)),
  );
  if (missing.length > 0) throw new StepError(`the package lacks ${missing.join(', ')}`);
  if (stray.length > 0) throw new StepError(`the package should not hold ${stray.join(', ')}`);
}

/** An empty project with only the tarball installed: what its dependencies don't bring isn't there. */
function install(tarball, folder) {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd: folder });
}

function compileConsumer(folder) {
  for (const file of ['consumer.ts', 'tsconfig.json']) {
    copyFileSync(join(root, 'scripts/consumer', file), join(folder, file));
  }
  const types = join(root, 'node_modules/@types');
  run(process.execPath, [tool('tsc'), '-p', folder, '--typeRoots', types], { cwd: folder });
}

/** What a user does on a platform without a prebuilt binary; docs/building.md has the commands. */
function buildFromSource(folder) {
  npm(['install', '--ignore-scripts', `node-addon-api@${manifest.devDependencies['node-addon-api']}`], {
    cwd: folder,
  });
  const installed = join(folder, 'node_modules/sluice');
  rmSync(join(installed, 'prebuilds'), { recursive: true });
  run(process.execPath, [tool('node-gyp'), 'rebuild', '--directory', installed], { env: gypEnvironment() });
}

function runOn(node, folder) {
  const said = run(node, ['consumer.js'], { cwd: folder, timeout: 30_000 });
  const version = run(node, [join('node_modules', 'sluice', manifest.bin.sluice), '--version'], {
    cwd: folder,
  });
  if (version.trim() !== manifest.version) throw new StepError(`sluice --version says ${version.trim()}`);
  return said.trim();
}

await main('check-package', () => {
  const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath];
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  const project = join(folder, 'project');
  try {
    const tarball = step('npm pack', () => pack(folder));
    step('contents', () => checkContents(tarball));
    step('publint', () => run(process.execPath, [tool('publint'), 'run', tarball, '--strict']));
    step('attw', () => run(process.execPath, [tool('attw'), tarball, '--profile', 'esm-only', '--no-emoji']));
    step('install with scripts blocked', () => install(tarball, project));
    step('compile a program against its types', () => compileConsumer(project));
    for (const node of nodes) step(`run it on ${node}`, () => runOn(node, project));
    step('build it from the packed sources', () => buildFromSource(project));
    step('run that', () => runOn(process.execPath, project));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
