/** A durable write of an incident's life, as it is seen in what is sent to PostgreSQL or Redis. */
export interface Point {
  name: string
  /** Texts that all occur in one statement and its values. */
  sees: string[]
  /** That statement, the COMMIT of the transaction that it belongs to, or a script that is sent to Redis. */
  around: 'statement' | 'commit' | 'script'
  when: 'before' | 'after'
}

const point = (name: string, when: Point['when'], around: Point['around'], ...sees: string[]): Point => ({
  name: `${when} ${name}`,
  sees,
  around,
  when,
})

/** Comes only to an incident that was accepted by a process that died before it started the workflow. */
export const STARTED = point('it is marked as started', 'before', 'statement', 'SET started_at = clock_timestamp()')

/** Where an engine's process is killed: around each durable write, from the start of an incident to its end. */
export const POINTS: readonly Point[] = [
  STARTED,
  point('the evidence is stored', 'before', 'statement', 'runbook.record_evidence'),
  point('the evidence is stored', 'after', 'statement', 'runbook.record_evidence'),
  point('the gate is opened', 'before', 'commit', 'INSERT INTO runbook.gates'),
  point('the gate is opened', 'after', 'commit', 'INSERT INTO runbook.gates'),
  point('the second look is recorded', 'after', 'statement', 'runbook.append_events', '"recheck"'),
  point('the permit is taken', 'before', 'commit', 'INSERT INTO runbook.permits'),
  point('the permit is taken', 'after', 'commit', 'INSERT INTO runbook.permits'),
  point('the change is committed', 'before', 'commit', 'INSERT INTO runbook_ledger.effects'),
  point('the change is committed', 'after', 'commit', 'INSERT INTO runbook_ledger.effects'),
  point('the effect is recorded', 'after', 'commit', 'INSERT INTO runbook.effects'),
  point('the incident is closed', 'after', 'commit', "SET state = 'closed'"),
]

/** Where a holder of a lease is stopped until others may have it: with its permit, and with its change not committed. */
export const HOLDING: readonly Point[] = [
  point('the permit is used', 'before', 'statement', 'INSERT INTO runbook_ledger.fences'),
  point('the change is made', 'before', 'statement', 'UPDATE "parts"'),
  point('the change is committed', 'before', 'commit', 'INSERT INTO runbook_ledger.effects'),
]

export const HOLDING_SCRIPT = point('the script is sent', 'before', 'script', 'eval', ':runbook:fence:')
