import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { readRunningStack } from '../../src/stack/stack-file.ts'
import { startStack } from '../../src/stack/stack.ts'
import type { Stack } from '../../src/stack/stack.ts'
import build from './global-build.ts'

/** The result of `inject('stack')`: servers on 127.0.0.1. Each test uses its own databases, prefixes and namespaces. */
export interface TestStack {
  /** The URL of the PostgreSQL server, with the login of a superuser. */
  postgresUrl: string
  redisUrl: string
  temporalAddress: string
  /** The `temporal` program, for tests that start their own server; null if TEMPORAL_ADDRESS is set. */
  temporalBinary: string | null
}

declare module 'vitest' {
  export interface ProvidedContext {
    stack: TestStack
  }
}

/** The variable in which scripts/test.js passes the addresses of the one stack that all suites share. */
const STACK_VARIABLE = 'RUNBOOK_TEST_STACK'

/** Both suites use this file. Within one vitest process they share the stack that the first suite starts. */
const shared = globalThis as { runbookTestStack?: { users: number; started: Promise<StartedTestStack> } }

interface StartedTestStack {
  addresses: TestStack
  end(): Promise<void>
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const existing = process.env[STACK_VARIABLE]
  if (existing !== undefined) {
    project.provide('stack', JSON.parse(existing) as TestStack)
    return undefined
  }
  const own = (shared.runbookTestStack ??= { users: 0, started: startTestStack() })
  own.users += 1
  project.provide('stack', (await own.started).addresses)
  return async () => {
    own.users -= 1
    if (own.users > 0) return
    delete shared.runbookTestStack
    await (await own.started).end()
  }
}

/** Starts a stack for this run, with Temporal in memory. `end` stops it and deletes its directory. */
export async function startTestStack(): Promise<StartedTestStack> {
  await build()
  const parent = join(import.meta.dirname, '../../.runbook')
  await eraseLeftovers(parent)
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

/** Deletes the stacks of earlier runs that were killed. */
async function eraseLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const dir = join(parent, name)
    if (name.startsWith('test-stack-') && (await readRunningStack(dir)) === null) await eraseStack(dir)
  }
}
