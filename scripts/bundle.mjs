// Bundles lib/ into dist/: an entry a file, what several share in dist/chunks, source maps beside them. `tsc` has put the types there.
//
// Starting a program or a worker costs about as much for each file as for its contents, so few files are loaded: what lies at the
// bottom of the house is one chunk; of each room above it, what a program and its workers both need is one, and the rest another; what only
// workers need is one. The classes
// of all entries are the same objects, since no module is in two chunks.
//
// Each module of lib/ keeps its own name in dist/ too, as a file of one line: tests and benchmarks look at parts that way. The package
// does not hold these ("files" in package.json).
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rooms } from './rooms.mjs';
import { root } from './run.mjs';

const library = join(root, 'lib');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Rooms that every entry loads. */
const BOTTOM = ['waiting', 'platform', 'memory'];
/** Modules that do something by being loaded: each stays a file of its own. */
const PROGRAMS = ['worker.ts', 'cli/main.ts'];
/** And those that only one of them loads: they are in its file. */
const PARTS = ['pool/worker-entry.ts'];

const modules = readdirSync(library, { recursive: true })
  .filter((path) => path.endsWith('.ts'))
  .sort();

/** The modules that `start` needs to run, itself included. */
function reach(start) {
  const found = new Set();
  const visit = (module) => {
    if (found.has(module)) return;
    found.add(module);
    const text = readFileSync(join(library, module), 'utf8');
    for (const [, clause, path] of text.matchAll(/^(?:import|export)\s([^;]*?)\s*from\s+'(\.[^']+)';/gms)) {
      if (/^type\s/.test(clause)) continue;
      visit(join(dirname(module), path).replace(/\.js$/, '.ts'));
    }
  };
  visit(start);
  return found;
}

const inWorker = reach('worker.ts');
const inProgram = reach('index.ts');

/** The chunk that `module` belongs to; null: a file of its own. */
function chunkOf(module) {
  if (PROGRAMS.includes(module) || PARTS.includes(module)) return null;
  const [room, ...rest] = module.split('/');
  if (rest.length === 0 && !['errors.ts', 'validate.ts'].includes(module)) return null;
  if (rest.length === 0 || BOTTOM.includes(room)) return 'base';
  if (room === 'entries') return null;
  if (!inWorker.has(module)) return room;
  return inProgram.has(module) ? `${room}-in-worker` : 'worker';
}

/** Loads the bundler only when it is called: scripts/setup.mjs imports this before packages are installed. */
export async function bundle() {
  const { rolldown } = await import(pathToFileURL(join(root, 'node_modules/rolldown/dist/index.mjs')).href);
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries(
      modules
        .filter((module) => !PARTS.includes(module))
        .map((module) => [module.replace(/\.ts$/, ''), join(library, module)]),
    ),
    platform: 'node',
    external: [
      /^node:/,
      ...Object.keys(manifest.dependencies),
      ...Object.keys(manifest.peerDependencies ?? {}),
    ],
    tsconfig: join(root, 'tsconfig.build.json'),
    transform: { target: 'node20.19' },
    treeshake: { moduleSideEffects: true },
    preserveEntrySignatures: 'allow-extension',
    onLog(level, log) {
      if (level !== 'debug') throw new Error(`bundle: ${log.message}`);
    },
  });
  try {
    const order = ['base', ...Object.keys(rooms)];
    const names = [...new Set(modules.map(chunkOf))].filter((name) => name !== null);
    const rank = (name) => {
      const at = order.indexOf(name.replace('-in-worker', ''));
      return (at < 0 ? order.length : at) * 2 + (name.endsWith('-in-worker') ? 0 : 1);
    };
    names.sort((a, b) => rank(a) - rank(b));
    const { output } = await build.write({
      dir: join(root, 'dist'),
      format: 'esm',
      sourcemap: true,
      comments: { jsdoc: false, legal: true, annotation: true },
      minifyInternalExports: false,
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
      codeSplitting: {
        groups: names.map((name, i) => ({
          name,
          priority: names.length - i,
          test: (id) => id.startsWith(library) && chunkOf(relative(library, id)) === name,
        })),
      },
    });
    for (const { fileName, code } of output) {
      const renamed = /^(?:var|let|const) (\w+\$\d+) = class|^class (\w+\$\d+)/m.exec(code ?? '');
      // A program sees the name of a class, in stack traces and in the inspector.
      if (renamed !== null) throw new Error(`bundle: two classes of one name in ${fileName}: ${renamed[0]}`);
    }
  } finally {
    await build.close();
  }
}
