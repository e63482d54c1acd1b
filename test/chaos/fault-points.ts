/** A durable write during an incident, identified by the statement or script that is sent to PostgreSQL or Redis. */
export interface FaultPoint {
  name: string
  /** Texts that all occur in one statement and its values. */
  contains: string[]
  /** Where the fault occurs: at this statement, at the COMMIT of its transaction, or at a script that is sent to Redis. */
  at: 'statement' | 'commit' | 'script'
  when: 'before' | 'after'
}

const point = (name: string, when: FaultPoint['when'], at: FaultPoint['at'], ...contains: string[]): FaultPoint => ({
  name: `${when} ${name}`,
  contains,
  at,
  when,
})

/** Reached only by an incident whose accepting process crashed before it started the workflow. */
export const MARK_STARTED_POINT = point(
  'the incident is marked as started',
  'before',
  'statement',
  'SET started_at = coalesce(started_at, clock_timestamp())',
)

/** Where a worker is killed: before or after each durable write, from the start of an incident to its end. */
export const FAULT_POINTS: readonly FaultPoint[] = [
  MARK_STARTED_POINT,
  point('the evidence is stored', 'before', 'statement', 'runbook.record_evidence'),
  point('the evidence is stored', 'after', 'statement', 'runbook.record_evidence'),
  point('the gate is opened', 'before', 'commit', 'INSERT INTO runbook.gates'),
  point('the gate is opened', 'after', 'commit', 'INSERT INTO runbook.gates'),
  point('the re-check is recorded', 'after', 'statement', 'runbook.append_events', '"recheck"'),
  point('the permit is taken', 'before', 'commit', 'INSERT INTO runbook.permits'),
  point('the permit is taken', 'after', 'commit', 'INSERT INTO runbook.permits'),
  point('the change is committed', 'before', 'commit', 'INSERT INTO runbook_ledger.effects'),
  point('the change is committed', 'after', 'commit', 'INSERT INTO runbook_ledger.effects'),
  point('the effect is recorded', 'after', 'commit', 'INSERT INTO runbook.effects'),
  point('the incident is closed', 'after', 'commit', "SET state = 'closed'"),
]

/** Where a worker with a lease is paused until the lease expires: after it took the permit and before it commits the change. */
export const LEASE_POINTS: readonly FaultPoint[] = [
  point('the permit is used', 'before', 'statement', 'INSERT INTO runbook_ledger.fences'),
  point('the change is made', 'before', 'statement', 'UPDATE "parts"'),
  point('the change is committed', 'before', 'commit', 'INSERT INTO runbook_ledger.effects'),
]

export const LEASE_SCRIPT_POINT = point('the script is sent', 'before', 'script', 'eval', ':runbook:fence:')
