// Lays out the C++ as .clang-format says, or checks it.
//
//   node scripts/format-native.mjs [--check]
import { spawnSync } from 'node:child_process';
import { main, run, StepError } from './run.mjs';

/** Releases of clang-format disagree about details, so one of them decides. */
const VERSION = 19;

function clangFormat() {
  for (const name of [`clang-format-${VERSION}`, 'clang-format']) {
    const { stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (stdout?.includes(`version ${VERSION}.`)) return name;
  }
  throw new StepError(`clang-format ${VERSION} was not found`);
}

await main('format-native', () => {
  const files = run('git', ['ls-files', '*.cc', '*.h']).split('\n').filter(Boolean);
  const mode = process.argv[2] === '--check' ? ['--dry-run', '-Werror'] : ['-i'];
  run(clangFormat(), [...mode, ...files]);
  console.log(`format-native: ${files.length} files`);
});
