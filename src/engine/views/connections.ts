import { runCheck } from '../../../activities/checks/run-check.ts'
import { RunbookError, messageOf } from '../../core/errors.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Queryable } from '../../history/database.ts'
import { readWaitedFor } from '../../history/outages.ts'
import type { Engine } from '../engine.ts'
import { checksFor } from './connection-checks.ts'
import { isoTime } from './iso-time.ts'
import type { ConnectionStatus, ConnectionView, ReadView } from './view-types.ts'

const TIMEOUT_MS = 5_000

type Reading = Pick<Engine, 'config' | 'targets'>

/**
 * What the checks see in the system behind a connection now, with the read credentials. Nothing is stored. A check that fails is a part of
 * the answer. Throws `RUNBOOK_NOT_FOUND`.
 */
export async function readConnection({ config, targets }: Reading, name: string): Promise<ConnectionView> {
  const { kind } = requireConnection(config, name)
  const readAt = new Date().toISOString()
  const reads = Object.entries(checksFor(kind, name)).map(async ([what, check]): Promise<[string, ReadView]> => {
    const run = { name: what, ...check, timeoutMs: TIMEOUT_MS, retries: 0, place: what }
    try {
      const { status, result = null, error = null, truncated, durationMs } = await runCheck(run, targets, readAt)
      return [what, { check: check.kind, status, result, error, truncated, durationMs }]
    } catch (error) {
      // Only a process that was suspended or too busy comes here.
      const failed = { result: null, error: messageOf(error), truncated: false, durationMs: 0 }
      return [what, { check: check.kind, status: 'failed', ...failed }]
    }
  })
  return { name, kind, readAt, reads: Object.fromEntries(await Promise.all(reads)) }
}

function requireConnection({ connections }: Engine['config'], name: string): Engine['config']['connections'][string] {
  if (Object.hasOwn(connections, name)) return connections[name]!
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    `the configuration has no connection ${JSON.stringify(name)}; the page /connections lists all of them`,
  )
}

/** The connections of the configuration. Nothing is read from the systems. */
export async function listConnections({
  config,
  database,
}: {
  config: Pick<Engine['config'], 'connections'>
  database: Queryable
}): Promise<ConnectionStatus[]> {
  const waited = await readWaitedFor(database)
  return Object.entries(config.connections).map(([name, { kind }]) => {
    const found = waited.find(({ connection }) => connection === name)
    const waiting = found && { incidents: found.incidents, since: isoTime(found.since), why: found.why }
    return { name, kind, waiting: waiting ?? null }
  })
}

/** The rows of a result; empty if it has none. */
export function rowsOf(result: JsonObject | null): JsonObject[] {
  return (result?.rows as JsonObject[] | undefined) ?? []
}

export interface Percentiles {
  count: number
  p50Ms: number
  p90Ms: number
  p99Ms: number
}

/** How long finished jobs waited until their last start and how long they then ran. Undefined where no job has these times. */
export function jobTimes(jobs: JsonObject[]): { waits: Percentiles | undefined; runs: Percentiles | undefined } {
  return {
    waits: percentilesOf(jobs.map(({ timestamp, processedOn }) => between(timestamp, processedOn))),
    runs: percentilesOf(jobs.map(({ processedOn, finishedOn }) => between(processedOn, finishedOn))),
  }
}

function between(from: Json | undefined, to: Json | undefined): number | undefined {
  return typeof from === 'number' && typeof to === 'number' && to >= from ? to - from : undefined
}

/** Of the values that are known. */
function percentilesOf(values: (number | undefined)[]): Percentiles | undefined {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1]!
  return { count: sorted.length, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99) }
}
