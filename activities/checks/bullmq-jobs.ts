import { MAX_ROWS } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { RunbookError } from '../../src/core/errors.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { limitParameter, optionalStrings, requiredString } from './check-parameters.ts'
import { readJobs } from './read-jobs.ts'
import type { Job } from './read-jobs.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

export const bullmqJobs: CheckImplementation = async (parameters, { targets }) => {
  const target = await targets.bullmq(requiredString(parameters, 'connection'), 'read')
  const ids = optionalStrings(parameters, 'ids')
  const states = optionalStrings(parameters, 'states')
  if ((ids === undefined) === (states === undefined))
    throw new RunbookError('RUNBOOK_CHECK_FAILED', 'set either ids or states, not both')
  const limit = ids ? MAX_ROWS : limitParameter(parameters, 'limit', 100, MAX_ROWS)
  const wantedIds = ids ? [...new Set(ids)] : await idsInStates(target, states!, limit + 1)
  const jobs = await readJobs(target, wantedIds.slice(0, limit))
  // A job may have moved to another state since its id was read.
  const shown = states ? jobs.filter((job) => states.includes(job.state)) : jobs
  const now = Date.now()
  const rows = shown.map((job) => toRow(job, now))
  return capResult({ rows, truncated: wantedIds.length > limit }, target.redact)
}

/** At most `max` ids, in the order of the states. Oldest first; for `failed` and `completed` newest first. */
async function idsInStates(target: BullmqTarget, states: string[], max: number): Promise<string[]> {
  const ranges = states.map((state) => rangeOf(target, state, max))
  const replies = (await readPipeline(target, ranges)) as string[][]
  const inOrder = replies.map((ids, i) => (ranges[i]![0] === 'lrange' ? ids.reverse() : ids))
  return [...new Set(inOrder.flat())].slice(0, max)
}

function rangeOf(target: BullmqTarget, state: string, max: number): RedisCommand {
  const key = (part: string) => `${target.base}:${part}`
  switch (state) {
    case 'waiting':
      return ['lrange', key('wait'), -max, -1]
    case 'active':
      return ['lrange', key('active'), -max, -1]
    case 'prioritized':
    case 'delayed':
    case 'waiting-children':
      return ['zrange', key(state), 0, max - 1]
    case 'failed':
    case 'completed':
      return ['zrange', key(state), 0, max - 1, 'REV']
    default:
      throw new RunbookError(
        'RUNBOOK_CHECK_FAILED',
        `unknown job state "${state}". Use waiting, prioritized, active, delayed, waiting-children, failed or completed`,
      )
  }
}

function toRow(job: Job, now: number): JsonObject {
  const waits = job.state === 'waiting' || job.state === 'prioritized'
  const since = Math.max(job.timestamp ?? 0, job.processedOn ?? 0)
  return {
    ...job,
    waitingMs: waits && since > 0 ? Math.max(0, now - since) : null,
    activeMs: job.state === 'active' && job.processedOn !== null ? Math.max(0, now - job.processedOn) : null,
  }
}
