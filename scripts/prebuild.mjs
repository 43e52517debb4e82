// Builds the binary that the package carries, prebuilds/<platform>-<arch>/sluice.<libc>.node, with prebuildify.
//
// In a copy of the sources: prebuildify builds in place, and node-gyp would empty the build/ that tests are using.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkTools, gypEnvironment } from './build-addon.mjs';
import { main, root, run } from './run.mjs';

const SOURCES = ['native/core', 'native/addon', 'binding.gyp', 'scripts/native-sources.mjs', 'package.json'];

await main('prebuild', () => {
  checkTools();
  // Inside the checkout, so that binding.gyp finds node-addon-api in its node_modules.
  const workFolder = join(root, 'build-prebuild');
  rmSync(workFolder, { recursive: true, force: true });
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  mkdirSync(workFolder);
  for (const path of SOURCES) cpSync(join(root, path), join(workFolder, path), { recursive: true });
  run(
    process.execPath,
    [
      join(root, 'node_modules/prebuildify/bin.js'),
      '--napi',
      '--strip',
      '--tag-libc',
      `--target=node@${process.versions.node}`,
      `--cwd=${workFolder}`,
      `--out=${root}`,
    ],
    {
      env: {
        ...gypEnvironment(),
        PREBUILD_NODE_GYP: join(root, 'node_modules/.bin/node-gyp'),
      },
    },
  );
  rmSync(workFolder, { recursive: true, force: true });
});
