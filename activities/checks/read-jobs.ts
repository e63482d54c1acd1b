import { parseExactJson } from '../../src/core/exact-json.ts'
import type { Json } from '../../src/core/json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { COUNTER_FIELDS, jobCounters } from './job-counters.ts'
import { readTexts } from './read-texts.ts'
import type { Texts } from './read-texts.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'
import { searchLists } from './search-lists.ts'
import { Turns } from './turns.ts'

export type JobState =
  | 'waiting'
  | 'prioritized'
  | 'delayed'
  | 'active'
  | 'failed'
  | 'completed'
  | 'waiting-children'
  /** The state of a job whose data exists although no list contains the job. */
  | 'unknown'
  /** The state of a job that was not found, while a list was too long to be searched completely. */
  | 'unsearched'
  | 'absent'

/** A job as it is stored in Redis. */
export interface Job {
  id: string
  state: JobState
  lock: 'held' | 'missing' | 'none'
  /** The name of the job; null if the job's hash does not exist. */
  name: string | null
  /** The data as text. It is not parsed, because parsing the data of many jobs would block the event loop. */
  dataText: string | null
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
  /**
   * Whether the job is in the list `paused` of an older BullMQ although the queue is not paused, so that no worker
   * takes it.
   */
  stranded: boolean
  /** The names of fields that exist but are too large to read, so that they have no value here. */
  notRead: string[]
}

/** The state, the lock and the numbers of a job. The job's texts, which can be large, are read later. */
interface Place {
  id: string
  state: JobState
  lock: Job['lock']
  stranded: boolean
  numbers: (string | null)[]
}

const NUMBERS = ['timestamp', 'priority', 'processedOn', 'finishedOn', ...COUNTER_FIELDS]
const TEXTS = 'name data opts pb failedReason defa'.split(' ')
/** The names of these fields in a job. */
const NAMES: Record<string, string> = { opts: 'maxAttempts', pb: 'worker', defa: 'failedReason' }
/** How many entries at each end of a list are searched for each job. For the jobs that are not found there, longer lists are read once. */
const MAX_NEAR_END = 1_000
const LISTS = ['wait', 'paused', 'active']
/** How many jobs are read at a time. Sending the commands of all jobs at once would block the event loop. */
const JOBS_PER_READ = 100

/**
 * Reads jobs with pipelined plain reads. The reads are not one snapshot: a job that moves between two of them can seem to be nowhere, or
 * active without its lock. Such jobs are read a second time. Large fields are not read.
 */
export async function readJobs(target: BullmqTarget, ids: string[]): Promise<Job[]> {
  const places = await findPlaces(target, ids)
  const suspicious = places.filter(
    ({ state, lock, stranded }) => state === 'unknown' || stranded || (state === 'active' && lock === 'missing'),
  )
  const suspiciousIds = suspicious.map(({ id }) => id)
  const again = new Map((await findPlaces(target, suspiciousIds)).map((place) => [place.id, place]))
  const keys = ids.map((id) => `${target.base}:${id}`)
  const texts = await readTexts(target, keys, TEXTS)
  const jobs: Job[] = []
  const turns = new Turns()
  for (const [i, place] of places.entries()) {
    jobs.push(toJob(combine(place, again.get(place.id)), texts[i]!))
    if (turns.isOver(texts[i]!.values[TEXTS.indexOf('opts')]?.length ?? 0)) await turns.next()
  }
  return jobs
}

/**
 * Reads jobs a second time and returns the second result. A lock that is missing in both reads is reported as missing only if the job was
 * not restarted in between.
 */
function combine(first: Place, second: Place | undefined): Place {
  if (!second) return first
  const restarted = countersOf(second.numbers).attemptsStarted !== countersOf(first.numbers).attemptsStarted
  return second.state === 'active' && second.lock === 'missing' && restarted ? { ...second, lock: 'held' } : second
}

/** Where each job is now. */
export async function jobStates(target: BullmqTarget, ids: string[]): Promise<Map<string, JobState>> {
  return new Map((await findPlaces(target, ids)).map(({ id, state }) => [id, state]))
}

async function findPlaces(target: BullmqTarget, ids: string[]): Promise<Place[]> {
  const places: Place[] = []
  for (let i = 0; i < ids.length; i += JOBS_PER_READ)
    places.push(...(await findSomePlaces(target, ids.slice(i, i + JOBS_PER_READ))))
  return places
}

async function findSomePlaces(target: BullmqTarget, ids: string[]): Promise<Place[]> {
  const key = (part: string) => `${target.base}:${part}`
  const nearEnds = (list: string, id: string): RedisCommand[] => [
    ['lpos', key(list), id, 'RANK', -1, 'MAXLEN', MAX_NEAR_END],
    ['lpos', key(list), id, 'MAXLEN', MAX_NEAR_END],
  ]
  // The commands are in the order in which a job moves, so that a job that moves in the meantime is found twice instead of being missed.
  const perJob = (id: string): RedisCommand[] => [
    ['zscore', key('waiting-children'), id],
    ['zscore', key('delayed'), id],
    ['zscore', key('prioritized'), id],
    ...nearEnds('wait', id),
    ...nearEnds('paused', id),
    ...nearEnds('active', id),
    ['exists', key(`${id}:lock`)],
    ['zscore', key('completed'), id],
    ['zscore', key('failed'), id],
    ['exists', key(id)],
    ['hmget', key(id), ...NUMBERS],
  ]
  const commandsPerJob = perJob('').length
  const [mark, ...replies] = await readPipeline(target, [['hexists', key('meta'), 'paused'], ...ids.flatMap(perJob)])
  const places = ids.map((id, i) =>
    toPlace(id, replies.slice(i * commandsPerJob, (i + 1) * commandsPerJob), mark === 1),
  )
  return searchLongLists(target, places, mark === 1)
}

function toPlace(id: string, replies: unknown[], isPaused: boolean): Place {
  const [children, delayed, prioritized, oldWait, newWait, oldPaused, newPaused, oldActive, newActive] = replies
  const [lock, completed, failed, exists, numbers] = replies.slice(9)
  const wait = oldWait ?? newWait
  const found: [JobState, unknown][] = [
    ['completed', completed],
    ['failed', failed],
    ['active', oldActive ?? newActive],
    ['waiting', wait ?? oldPaused ?? newPaused],
    ['prioritized', prioritized],
    ['delayed', delayed],
    ['waiting-children', children],
  ]
  const state = found.find(([, reply]) => reply !== null)?.[0] ?? (exists === 1 ? 'unknown' : 'absent')
  return {
    id,
    state,
    lock: state === 'active' ? (lock === 1 ? 'held' : 'missing') : 'none',
    stranded: state === 'waiting' && wait === null && !isPaused,
    numbers: numbers as (string | null)[],
  }
}

/** Finds jobs that are far from both ends of a long list. */
async function searchLongLists(target: BullmqTarget, places: Place[], isPaused: boolean): Promise<Place[]> {
  const missing = places.flatMap(({ id, state }) => (state === 'unknown' || state === 'absent' ? [id] : []))
  if (missing.length === 0) return places
  const key = (part: string) => `${target.base}:${part}`
  const lengths = await readPipeline(
    target,
    LISTS.map((list) => ['llen', key(list)]),
  )
  const long = LISTS.filter((_, i) => Number(lengths[i]) > 2 * MAX_NEAR_END)
  if (long.length === 0) return places
  const { found, isComplete } = await searchLists(target, long, missing)
  const locks = await readPipeline(
    target,
    missing.map((id) => ['exists', key(`${id}:lock`)]),
  )
  return places.map((place): Place => {
    const list = found.get(place.id)
    if (list === 'active')
      return { ...place, state: 'active', lock: locks[missing.indexOf(place.id)] === 1 ? 'held' : 'missing' }
    if (list) return { ...place, state: 'waiting', stranded: list === 'paused' && !isPaused }
    return !isComplete && missing.includes(place.id) ? { ...place, state: 'unsearched' } : place
  })
}

function toJob({ id, state, lock, stranded, numbers }: Place, { values, notRead }: Texts): Job {
  const text = (name: string) => values[TEXTS.indexOf(name)] ?? null
  const number = (name: string) => {
    const value = numbers[NUMBERS.indexOf(name)] ?? null
    return value === null ? null : Number(value)
  }
  return {
    id,
    state,
    lock,
    name: text('name'),
    dataText: text('data'),
    ...countersOf(numbers),
    maxAttempts: maxAttempts(text('opts')),
    priority: number('priority') ?? 0,
    timestamp: number('timestamp'),
    processedOn: number('processedOn'),
    finishedOn: number('finishedOn'),
    worker: text('pb'),
    failedReason: text('failedReason') ?? text('defa'),
    stranded,
    notRead: notRead.map((name) => NAMES[name] ?? name),
  }
}

function countersOf(numbers: (string | null)[]) {
  return jobCounters(numbers.slice(-COUNTER_FIELDS.length))
}

/** The number of allowed attempts; 1 if the option is absent or 0. */
export function maxAttempts(opts: string | null): number {
  const value = (parseJson(opts) as { attempts?: Json } | null)?.attempts
  return typeof value === 'number' ? Math.max(1, value) : 1
}

export function parseJson(text: string | null): Json {
  if (text === null) return null
  try {
    return parseExactJson(text)
  } catch {
    return text
  }
}
