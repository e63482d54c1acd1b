import { parseExactJson } from '../../src/core/exact-json.ts'
import type { Json } from '../../src/core/json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

export type JobState =
  'waiting' | 'prioritized' | 'delayed' | 'active' | 'failed' | 'completed' | 'waiting-children' | 'unknown' | 'absent'

/** A job as it is stored in Redis. */
export interface Job {
  id: string
  state: JobState
  lock: 'held' | 'missing' | 'none'
  /** Null: the job's hash does not exist. */
  name: string | null
  data: Json
  attemptsMade: number
  attemptsStarted: number
  stalls: number
  maxAttempts: number
  priority: number
  timestamp: number | null
  processedOn: number | null
  finishedOn: number | null
  worker: string | null
  failedReason: string | null
}

const FIELDS = 'name data opts timestamp priority processedOn finishedOn ats atm stc pb failedReason defa'.split(' ')
/** How many elements of a list are searched for a job; 100,000 take Redis about a millisecond. */
const MAX_SEARCHED = 100_000

/**
 * Reads jobs with pipelined plain reads. The reads are not one snapshot: a job that moves between two of them can seem to be nowhere, or
 * active without its lock. Such jobs are read a second time.
 */
export async function readJobs(target: BullmqTarget, ids: string[]): Promise<Job[]> {
  const jobs = await readOnce(target, ids)
  const suspicious = jobs.filter((job) => job.state === 'unknown' || (job.state === 'active' && job.lock === 'missing'))
  if (suspicious.length === 0) return jobs
  const again = new Map(
    (
      await readOnce(
        target,
        suspicious.map((job) => job.id),
      )
    ).map((job) => [job.id, job]),
  )
  return jobs.map((job) => combine(job, again.get(job.id)))
}

/** The second read counts. A lock that is missing in both is reported as missing only if the job was not restarted in between. */
function combine(first: Job, second: Job | undefined): Job {
  if (!second) return first
  const restarted = second.attemptsStarted !== first.attemptsStarted
  return second.state === 'active' && second.lock === 'missing' && restarted ? { ...second, lock: 'held' } : second
}

async function readOnce(target: BullmqTarget, ids: string[]): Promise<Job[]> {
  const key = (part: string) => `${target.base}:${part}`
  // In the order in which a job moves, so that a moving job is found twice rather than not at all.
  const perJob = (id: string): RedisCommand[] => [
    ['zscore', key('waiting-children'), id],
    ['zscore', key('delayed'), id],
    ['zscore', key('prioritized'), id],
    ['lpos', key('wait'), id, 'MAXLEN', MAX_SEARCHED],
    ['lpos', key('paused'), id, 'MAXLEN', MAX_SEARCHED],
    ['lpos', key('active'), id, 'MAXLEN', MAX_SEARCHED],
    ['exists', key(`${id}:lock`)],
    ['zscore', key('completed'), id],
    ['zscore', key('failed'), id],
    ['hmget', key(id), ...FIELDS],
  ]
  const commandsPerJob = perJob('').length
  const replies = await readPipeline(target, ids.flatMap(perJob))
  return ids.map((id, i) => toJob(id, replies.slice(i * commandsPerJob, (i + 1) * commandsPerJob)))
}

function toJob(id: string, replies: unknown[]): Job {
  const [children, delayed, prioritized, wait, paused, active, lock, completed, failed, hash] = replies
  const values = hash as (string | null)[]
  const field = (name: string) => values[FIELDS.indexOf(name)] ?? null
  const number = (name: string) => (field(name) === null ? null : Number(field(name)))
  const found: [JobState, unknown][] = [
    ['completed', completed],
    ['failed', failed],
    ['active', active],
    ['waiting', wait ?? paused],
    ['prioritized', prioritized],
    ['delayed', delayed],
    ['waiting-children', children],
  ]
  const hasData = values.some((value) => value !== null)
  const state = found.find(([, reply]) => reply !== null)?.[0] ?? (hasData ? 'unknown' : 'absent')
  return {
    id,
    state,
    lock: state === 'active' ? (lock === 1 ? 'held' : 'missing') : 'none',
    name: field('name'),
    data: parseJson(field('data')),
    attemptsMade: number('atm') ?? 0,
    attemptsStarted: number('ats') ?? 0,
    stalls: number('stc') ?? 0,
    maxAttempts: maxAttempts(field('opts')),
    priority: number('priority') ?? 0,
    timestamp: number('timestamp'),
    processedOn: number('processedOn'),
    finishedOn: number('finishedOn'),
    worker: field('pb'),
    failedReason: field('failedReason') ?? field('defa'),
  }
}

/** The allowed attempts; absent or 0 means 1. */
export function maxAttempts(opts: string | null): number {
  const value = (parseJson(opts) as { attempts?: Json } | null)?.attempts
  return typeof value === 'number' ? Math.max(1, value) : 1
}

function parseJson(text: string | null): Json {
  if (text === null) return null
  try {
    return parseExactJson(text)
  } catch {
    return text
  }
}
