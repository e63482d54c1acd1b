import { expect, test } from 'vitest'
import { bullmqFailures } from '../../../../activities/checks/bullmq-failures.ts'
import type { JsonObject } from '../../../../src/core/json.ts'
import type { Targets } from '../../../../src/targets/targets.ts'
import { fakeRedis } from '../../../support/fake-redis.ts'

/** Groups these failed jobs with the check. A fake Redis holds the jobs in memory. */
async function groupsOf(jobs: Record<string, Record<string, string>>) {
  const hash = (key: unknown) => jobs[String(key).split(':').at(-1)!] ?? {}
  const answer = ([command, key, ...args]: (string | number)[]): unknown => {
    if (command === 'info') return ''
    if (command === 'xrevrange') return []
    if (command === 'zcount') return Object.keys(jobs).length
    if (command === 'zrange') return Object.keys(jobs).flatMap((id, i) => [id, String(Date.now() - i)])
    const values = args.map((field) => hash(key)[field] ?? null)
    return command === 'hmget' ? values : command === 'hget' ? values[0] : (values[0]?.length ?? 0)
  }
  const redis = fakeRedis<(string | number)[]>((commands) => commands.map(answer))
  const targets = { bullmq: async () => ({ connection: 'q', base: 'bull:q', redis, redact: [] }) } as unknown as Targets
  const context = { targets, signal: new AbortController().signal, timeoutMs: 1_000 }
  const result = await bullmqFailures({ connection: 'q' }, context)
  return { ...result, rows: result.rows as JsonObject[] } as JsonObject & { rows: JsonObject[] }
}

const stack = (...traces: string[]) => ({ stacktrace: JSON.stringify(traces) })

test('a failure without a message is named by its newest stack trace', async () => {
  const frames = '\n    at internalConnectMultiple (node:net:1122:18)\n    at next (a.js:1:2)'
  const { rows, truncated } = await groupsOf({
    a: { failedReason: '', ...stack('Error: older', `AggregateError [ECONNREFUSED]: ${frames}`) },
    b: { failedReason: '', ...stack(`AggregateError [ECONNREFUSED]: ${frames}`) },
    c: { failedReason: 'Error', ...stack(`Error\n    at load (orders.js:3:4)`) },
    d: { failedReason: '', ...stack() },
    e: { name: 'step' },
  })
  expect(rows.map((row) => [row.reason, row.ids])).toEqual([
    ['AggregateError [ECONNREFUSED]:', ['a', 'b']],
    ['Error at load (orders.js:<n>:<n>)', ['c']],
    ['(the reason is empty)', ['d']],
    ['(no reason kept)', ['e']],
  ])
  expect(truncated).toBe(false)
})

test('a reason of a megabyte is not read, and is counted', async () => {
  const result = await groupsOf({ a: { failedReason: 'x'.repeat(1_000_000) }, b: { failedReason: 'timeout' } })
  expect(result).toMatchObject({ total: 2, unread: 1, truncated: true })
  expect(result.rows.map((row) => row.reason).toSorted()).toEqual(['(the reason is too long to be read)', 'timeout'])
})

test('a record whose stack trace is broken keeps its reason', async () => {
  const { rows } = await groupsOf({ a: { failedReason: 'Error', stacktrace: '[1' } })
  expect(rows[0]).toMatchObject({ reason: 'Error', count: 1 })
})
