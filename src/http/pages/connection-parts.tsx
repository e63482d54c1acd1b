import { humanDuration } from '../../core/duration.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import { jobTimes, rowsOf, type Percentiles } from '../../engine/views/connections.ts'
import { DataTable } from './data-table.tsx'
import { Data, plural, Short } from './words.tsx'

/** The parts of the page of a connection: each shows the result of one check. */

const MAX_NAMES = 20

const COUNTS = {
  waiting: 'waiting',
  strandedJobs: 'in the list of paused jobs although the queue is not paused',
  prioritized: 'prioritized',
  active: 'active',
  delayed: 'delayed',
  overdue: 'delayed and overdue',
  waitingChildren: 'waiting for children',
  failed: 'failed',
  completed: 'completed',
}

export function Queue({ queue }: { queue: JsonObject }) {
  if (queue.exists === false) return <p class="notice">The queue does not exist.</p>
  return (
    <>
      {queue.paused === true && <p class="problem">The queue is paused: no worker takes a job.</p>}
      <DataTable
        caption="Jobs by state"
        columns={['state', 'jobs']}
        rows={Object.entries(COUNTS).map(([field, name]) => [name, shown(queue[field])])}
        empty=""
      />
      <dl>
        <dt>Oldest waiting</dt>
        <dd>
          {age(queue.oldestWaitingMs, Number(queue.waiting) + Number(queue.prioritized) === 0 ? 'none' : undefined)}{' '}
          {typeof queue.oldestWaitingJob === 'string' && <Data value={queue.oldestWaitingJob} />}
        </dd>
        <dt>Oldest active</dt>
        <dd>
          {age(queue.oldestActiveMs, queue.active === 0 ? 'none' : undefined)}{' '}
          {typeof queue.oldestActiveJob === 'string' && <Data value={queue.oldestActiveJob} />}
        </dd>
        <dt>Workers</dt>
        <dd>
          {shown(queue.workers)}
          {queue.workersUnknown === true && ' that can be seen; there may be more'}
          {Array.isArray(queue.workerNames) && queue.workerNames.length > 0 && ': '}
          {Array.isArray(queue.workerNames) && <Names names={queue.workerNames} />}
        </dd>
        {typeof queue.rateLimitTtlMs === 'number' && <dt>Rate limit</dt>}
        {typeof queue.rateLimitTtlMs === 'number' && <dd>used up for another {humanDuration(queue.rateLimitTtlMs)}</dd>}
      </dl>
    </>
  )
}

function Names({ names }: { names: Json[] }) {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return <Data value={`${names.slice(0, MAX_NAMES).join(', ')}${more}`} />
}

/** The active jobs with the worker that holds each. */
export function Active({ jobs }: { jobs: JsonObject[] }) {
  return (
    <DataTable
      caption="Active jobs, and the worker that holds each"
      columns={['job', 'name', 'worker', 'active for', 'lock', 'starts', 'stalls']}
      rows={jobs.map((job) => [
        <Short value={String(job.id)} />,
        <Short value={shown(job.name)} />,
        job.worker === null ? 'has no name' : <Short value={shown(job.worker)} />,
        age(job.activeMs),
        job.lock === 'missing' ? 'missing: the worker does not hold the job any more' : shown(job.lock),
        shown(job.attemptsStarted),
        shown(job.stalls),
      ])}
      empty="No job is active."
    />
  )
}

export function Times({ jobs }: { jobs: JsonObject[] }) {
  const { waits, runs } = jobTimes(jobs)
  const row = (name: string, found: Percentiles | undefined) =>
    found
      ? [
          [
            name,
            String(found.count),
            humanDuration(found.p50Ms),
            humanDuration(found.p90Ms),
            humanDuration(found.p99Ms),
          ],
        ]
      : []
  return (
    <DataTable
      caption="Of the jobs that completed in the last hour and are still stored, at most 500"
      columns={['time', 'jobs', 'p50', 'p90', 'p99']}
      rows={[
        ...row('from when the job was added to its last start', waits),
        ...row('from its last start to its end', runs),
      ]}
      empty="No job that completed in the last hour is stored."
    />
  )
}

export function Failures({ failures }: { failures: JsonObject }) {
  const { total, removed } = failures
  return (
    <>
      <p>
        {plural(Number(total), 'failed job')} of the last 24 hours {total === 1 ? 'is' : 'are'} stored
        {Number(removed) > 0 &&
          `; ${plural(Number(removed), 'other failed job')} ${removed === 1 ? 'was' : 'were'} removed`}
        .
      </p>
      <DataTable
        caption="Failures by reason, in which numbers and ids are replaced"
        columns={['reason', 'jobs', 'names', 'newest', 'no attempt left']}
        rows={rowsOf(failures).map(({ reason, count, names, newestMs, attemptsExhausted }) => [
          <Short value={shown(reason)} />,
          shown(count),
          Array.isArray(names) ? <Names names={names} /> : '',
          `${age(newestMs)} ago`,
          shown(attemptsExhausted),
        ])}
        empty="No job failed in the last 24 hours, as far as the queue shows."
      />
    </>
  )
}

export function Sessions({ rows }: { rows: JsonObject[] }) {
  return (
    <DataTable
      caption="Sessions of this database by state, without the session of this page"
      columns={['state', 'sessions', 'oldest transaction']}
      rows={rows.map((row) => [
        <Data value={row.state} />,
        shown(row.sessions),
        age(row.oldest_transaction_ms, row.state === 'not visible' ? undefined : 'none'),
      ])}
      empty="No other session."
    />
  )
}

export function Transactions({ rows }: { rows: JsonObject[] }) {
  return (
    <DataTable
      caption="Open transactions of this database that the login may see, the longest first"
      columns={['process', 'user', 'application', 'open for', 'state', 'in this state for', 'waits for']}
      rows={rows.map((row) => [
        shown(row.pid),
        <Short value={shown(row.user)} />,
        <Short value={shown(row.application)} />,
        age(row.transaction_ms),
        <Data value={shown(row.state)} />,
        age(row.state_ms),
        <Data value={row.waits_for ?? 'nothing'} />,
      ])}
      empty="No other transaction is open, as far as the login may see."
    />
  )
}

export function Blockers({ rows }: { rows: JsonObject[] }) {
  return (
    <DataTable
      caption="Sessions that hold a lock for which others wait"
      columns={[
        'process',
        'user',
        'application',
        'state',
        'transaction open for',
        'sessions that wait',
        'longest wait',
      ]}
      rows={rows.map((row) => [
        shown(row.blocker),
        <Short value={shown(row.user)} />,
        <Short value={shown(row.application)} />,
        <Data value={shown(row.state)} />,
        age(row.transaction_ms),
        shown(row.blocked),
        age(row.max_wait_ms),
      ])}
      empty="No session waits for a lock, as far as the login may see."
    />
  )
}

/** What the server says about itself. */
export function Server({ server }: { server: JsonObject }) {
  const single = rowsOf(server)[0] ?? server
  const { sees_all: seesAll, ...fields } = single
  return (
    <>
      {seesAll === false && (
        <p class="notice">
          The read login is not a member of pg_monitor: it does not see the states and transactions of other users.
        </p>
      )}
      <DataTable
        caption="The server"
        columns={['field', 'value']}
        rows={Object.entries(fields)
          .filter(([name]) => name !== 'truncated')
          .map(([name, value]) => [<Data value={name} />, <Short value={shown(value)} />])}
        empty="The server said nothing about itself."
      />
    </>
  )
}

/** A value of a result. What is not known is "not known", never 0. */
function shown(value: Json | undefined): string {
  if (value === null || value === undefined) return 'not known'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function age(ms: Json | undefined, absent = 'not known'): string {
  return typeof ms === 'number' ? humanDuration(ms) : absent
}
