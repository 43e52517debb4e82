// Builds the addon with CMake, by way of cmake-js: with assertions and debug information, only what has changed.
//
//   node scripts/dev-addon.mjs && SLUICE_PREBUILD=$PWD/build-addon npx vitest run
import { join } from 'node:path';
import { checkTools, gypEnvironment } from './build-addon.mjs';
import { main, root, run } from './run.mjs';

await main('dev-addon', () => {
  checkTools();
  const cmakeJs = join(root, 'node_modules/cmake-js/bin/cmake-js');
  const args = [
    '--out=build-addon',
    '--config=RelWithDebInfo',
    '--CDSLUICE_TESTS=OFF',
    ...process.argv.slice(2),
  ];
  // As node-gyp does, it takes the headers of npm_config_nodedir and downloads none.
  run(process.execPath, [cmakeJs, 'build', ...args], { env: gypEnvironment() });
  console.log('dev-addon: build-addon/build/Release/sluice.node');
});
