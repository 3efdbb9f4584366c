import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const shared = {
  resolve: { conditions: ['muster-source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['muster-source', 'node', 'import', 'default'] } },
};

/** Three projects: `unit` needs no other program, `e2e` starts real processes, `soak` runs the long forms. */
export default defineConfig({
  test: {
    // Many tests wait more than they work: a worker a processor leaves a small machine idle most of the time.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: [
            'packages/*/test/**/*.test.ts',
            'scripts/test/**/*.test.ts',
            'benchmarks/test/**/*.test.ts',
            'simulation/test/**/*.test.ts',
          ],
          exclude: ['**/e2e/**', '**/soak/**'],
          testTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          include: ['packages/*/test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        ...shared,
        test: {
          name: 'soak',
          include: ['packages/*/test/soak/**/*.test.ts'],
          testTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
