import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { readRunningStack } from '../../src/stack/stack-file.ts'
import { startStack } from '../../src/stack/stack.ts'
import type { Stack } from '../../src/stack/stack.ts'
import build from './global-build.ts'

/** What tests get from `inject('stack')`: addresses on 127.0.0.1, used with databases, prefixes, namespaces of their own. */
export interface TestStack {
  /** A superuser's. */
  postgresUrl: string
  redisUrl: string
  temporalAddress: string
  /** The `temporal` program, for tests that start a server of their own; null when TEMPORAL_ADDRESS was given. */
  temporalBinary: string | null
}

declare module 'vitest' {
  export interface ProvidedContext {
    stack: TestStack
  }
}

/** Set by scripts/test.js, which starts one stack for all suites. */
const HANDED_OVER = 'RUNBOOK_TEST_STACK'

/** Both suites name this file; within one vitest process they share what the first of them starts. */
const shared = globalThis as { runbookTestStack?: { users: number; started: Promise<StartedTestStack> } }

interface StartedTestStack {
  addresses: TestStack
  end(): Promise<void>
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const handedOver = process.env[HANDED_OVER]
  if (handedOver !== undefined) {
    project.provide('stack', JSON.parse(handedOver) as TestStack)
    return undefined
  }
  const mine = (shared.runbookTestStack ??= { users: 0, started: startTestStack() })
  mine.users += 1
  project.provide('stack', (await mine.started).addresses)
  return async () => {
    mine.users -= 1
    if (mine.users > 0) return
    delete shared.runbookTestStack
    await (await mine.started).end()
  }
}

/** Started for this run, in memory, in a folder that goes with it. */
export async function startTestStack(): Promise<StartedTestStack> {
  await build()
  const parent = join(import.meta.dirname, '../../.runbook')
  await eraseLeftOver(parent)
  const dir = join(parent, `test-stack-${process.pid}`)
  const stack: Stack = await startStack({ dir, temporal: 'memory', log: (line) => console.error(`stack: ${line}`) })
  return {
    addresses: {
      postgresUrl: stack.postgres.url,
      redisUrl: stack.redis.url,
      temporalAddress: stack.temporal.address,
      temporalBinary: stack.temporal.binary,
    },
    end: async () => {
      await stack.stop()
      await eraseStack(dir)
    },
  }
}

/** Runs that were killed could not erase theirs. */
async function eraseLeftOver(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const dir = join(parent, name)
    if (name.startsWith('test-stack-') && (await readRunningStack(dir)) === null) await eraseStack(dir)
  }
}
