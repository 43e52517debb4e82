import { defineConfig } from 'vitest/config';

// Tests import the library as a user does: `sluice` is the built package in dist/.
export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^sluice\/testing$/,
        replacement: new URL('./dist/testing/index.js', import.meta.url).pathname,
      },
      { find: /^sluice$/, replacement: new URL('./dist/index.js', import.meta.url).pathname },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
