// Builds what a workload's servers are made of, and only what is missing or older than its sources.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { BENCH, BUN, LOAD, ROOT } from './paths.mjs';

/**
 * @typedef {object} Target
 * @property {string} name what the user reads while it builds
 * @property {string} output the file that must exist afterwards
 * @property {string[]} sources files, and folders with all that is in them
 * @property {string[]} [command] program and arguments; without one the output is made elsewhere
 * @property {string} [cwd]
 * @property {Record<string, string>} [env]
 */

const CXX_FLAGS = ['-std=c++20', '-O3', '-Wall', '-Wextra', '-Werror'];

/** One C++ program from all the .cc files among its sources. */
export function cxxTarget(name, output, ...sources) {
  const units = sources.flatMap(filesIn).filter((file) => file.endsWith('.cc'));
  return { name, output, sources, command: ['g++', ...CXX_FLAGS, '-o', output, ...units] };
}

export function goTarget(name, output, folder) {
  return { name, output, sources: [folder], command: ['go', 'build', '-o', output, '.'], cwd: folder };
}

/** `output` is TARGET_DIR/release/NAME, as cargo lays it out. */
export function cargoTarget(name, output, folder) {
  const targetDir = dirname(dirname(output));
  const command = ['cargo', 'build', '--release', '--locked', '--quiet'];
  return { name, output, sources: [folder], command, cwd: folder, env: { CARGO_TARGET_DIR: targetDir } };
}

export const LOAD_TARGET = cxxTarget('load generator', LOAD, join(BENCH, 'load'));
export const BUN_TARGET = {
  name: 'bun and the chart library',
  output: BUN,
  sources: [join(BENCH, 'package.json')],
  command: ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
  cwd: BENCH,
};
/** `npm run bench` builds the package before it starts this; a result may only tell what is there. */
export const SLUICE_TARGET = { name: 'sluice', output: join(ROOT, 'dist/index.js'), sources: [] };

function filesIn(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.name !== 'build')
    .flatMap((entry) => filesIn(join(path, entry.name)));
}

function isFresh(target) {
  if (!existsSync(target.output)) return false;
  const built = statSync(target.output).mtimeMs;
  return target.sources.flatMap(filesIn).every((file) => statSync(file).mtimeMs <= built);
}

/**
 * Throws an Error whose message says what could not be built: a toolchain that is not there is the common reason, and
 * then the other peers can still run.
 *
 * @param {Target} target
 */
export function build(target) {
  if (isFresh(target)) return;
  if (target.command === undefined)
    throw new Error(`${target.name} is not built: ${relative(ROOT, target.output)} is missing`);
  process.stderr.write(`building ${target.name}\n`);
  mkdirSync(dirname(target.output), { recursive: true });
  const [program, ...args] = target.command;
  try {
    execFileSync(program, args, {
      cwd: target.cwd,
      env: { ...process.env, ...target.env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch (error) {
    throw new Error(
      `cannot build ${target.name}: ${error.code === 'ENOENT' ? `${program} is not installed` : error.message}`,
    );
  }
  if (!existsSync(target.output))
    throw new Error(`cannot build ${target.name}: ${relative(ROOT, target.output)} is missing`);
}
