import { defineConfig } from 'vitest/config'

/** Four suites. `unit` needs nothing but Node; the others share one embedded stack, started once per run, or start their own. */
export default defineConfig({
  test: {
    // One more than vitest would take: a third of the unit tests' time is waiting for processes and deadlines.
    maxWorkers: '100%',
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/global-stack.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'acceptance',
          include: ['test/acceptance/**/*.test.ts'],
          globalSetup: ['test/support/global-stack.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          // Each file has its own databases, prefix and namespace, and mostly waits. More than two would wait for processors.
          maxWorkers: 2,
          // Vitest requires one order for each number of workers.
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Servers of its own, which it kills. RUNBOOK_CHAOS=long takes hours.
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          globalSetup: ['test/support/global-build.ts'],
          testTimeout: process.env.RUNBOOK_CHAOS === 'long' ? 10_800_000 : 600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
