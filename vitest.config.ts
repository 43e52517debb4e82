import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import type { Reporter } from 'vitest/node';
import { entries, specifierOf } from './scripts/entries.mjs';

/** Names what passed only on its second run: a retry must not hide a test that fails now and then. */
const flaky: Reporter = {
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky) console.log(`FLAKY: ${test.module.relativeModuleId} > ${test.fullName}`);
  },
};

/** A shared machine may be many times slower than the developer's, and give it less than its share for seconds. */
const onSharedMachine = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  retry: 1,
  maxWorkers: 2,
  reporters: ['default', flaky],
};

// Tests import the library as a user does: `sluice` is the built package in dist/.
export default defineConfig({
  resolve: {
    alias: Object.entries(entries).map(([entry, module]) => ({
      find: new RegExp(`^${specifierOf(entry)}$`),
      replacement: new URL(`./dist/${module}.js`, import.meta.url).pathname,
    })),
  },
  test: {
    // Those of test/engines talk to real engines, which scripts/install-engines.sh installs: npm run test:engines.
    include: [process.env.SLUICE_ENGINES ? 'test/engines/*.test.ts' : 'test/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Many tests wait for sockets and other threads, so two files at a time pay even on two CPUs.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    ...(process.env.CI ? onSharedMachine : {}),
  },
});
