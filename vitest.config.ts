import { defineConfig } from 'vitest/config'

/**
 * Two files at a time: most of a file's time is waiting for servers, and more files would wait for processors on two cores. A file has
 * its own databases, roles, Redis prefix, namespace and ports, so it must not use what belongs to the whole server: pg_stat_activity
 * and CLIENT LIST show the sessions of the other file too, and FLUSHALL would delete its keys.
 */
const TWO_FILES = {
  maxWorkers: 2,
  // Vitest requires another order for another number of workers.
  sequence: { groupOrder: 1 },
}

/** Each file starts servers of its own and kills them. RUNBOOK_CHAOS=long takes hours. */
const CHAOS = {
  globalSetup: ['test/support/global-build.ts'],
  testTimeout: process.env.RUNBOOK_CHAOS === 'long' ? 10_800_000 : 600_000,
  hookTimeout: 120_000,
}

/** Five suites. `unit` needs nothing but Node; the others share one embedded stack, started once per run, or start their own. */
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
          ...TWO_FILES,
        },
      },
      {
        test: {
          name: 'acceptance',
          include: ['test/acceptance/**/*.test.ts'],
          globalSetup: ['test/support/global-stack.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          ...TWO_FILES,
        },
      },
      { test: { name: 'chaos', include: ['test/chaos/**/*.test.ts'], ...CHAOS, ...TWO_FILES } },
      // Paused workers compete with leases that expire meanwhile, so nothing else runs at the same time.
      { test: { name: 'pauses', include: ['test/pauses/**/*.test.ts'], ...CHAOS, sequence: { groupOrder: 2 } } },
    ],
  },
})
