import pg from 'pg'

/** The remedy of the filled proposals. */
export const FILLED_REMEDY = 'mend'

/**
 * Fills the engine's database with closed incidents of the last 90 days, each with 12 events, evidence, a proposal, a decision, an effect and a
 * verdict. It needs the login of a superuser, because the engine itself can neither choose times nor write events without their chain.
 */
export async function fillIncidents(superuserUrl: string, planDigest: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  try {
    await client.query(`SET session_replication_role = replica; SET synchronous_commit = off`)
    for (const insert of INSERTS)
      await client.query(insert, [count, planDigest].slice(0, insert.includes('$2') ? 2 : 1))
    await client.query('ALTER TABLE runbook.incidents ALTER number RESTART WITH 1000000')
    await client.query('VACUUM (ANALYZE)')
  } finally {
    await client.end()
  }
}

const EACH = `generate_series(1, $1::int) n CROSS JOIN LATERAL (SELECT clock_timestamp() - interval '1 hour' - ($1::int - n) * (interval '90 days' / $1::int) AS t) o`
const HASH = `repeat('0', 64)`
const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`
const FINDINGS = `'{"actor":"engine","data":{"findings":[{"because":"check jobs failed","cause":"queue-paused","holds":' || CASE n % 10 WHEN 0 THEN '"undetermined"' ELSE 'false' END || ',"title":"The queue is paused"},{"because":"2 runs","cause":"stalled-nobody-checks","holds":true,"title":"Nobody checks"}],"round":1},"kind":"findings","place":"r1/findings"}'`
const ALERT = `'{"actor":"alert:alertmanager","data":{"fingerprint":"f' || n || '","labels":{"alertname":"RunStuck"},"source":"alertmanager","startsAt":"' || to_char((t - interval '90 seconds') AT TIME ZONE 'UTC', ${ISO}) || '","status":"firing","url":null},"kind":"alert"}'`
const DELIVERY = `'{"actor":"engine","data":{"channel":"oncall","of":"r1/proposal","result":"notified oncall","tookMs":5},"kind":"delivery"}'`
const NOTE = `'{"actor":"person:lead","data":{"body":"filled"},"kind":"note"}'`

const INSERTS = [
  `INSERT INTO runbook.incidents (number, type, runbook, plan_digest, key, inputs, requester, state, outcome, reason, opened_at, started_at, acknowledged_at, closed_at, head_seq, head_hash)
   OVERRIDING SYSTEM VALUE SELECT n, 'stuck-run', 'stuck-runs', $2, 'stuck-run/' || n % 500, '{}',
     CASE n % 3 WHEN 0 THEN 'detect:stuck-runs' WHEN 1 THEN 'alert:alertmanager' ELSE 'person:operator' END, 'closed',
     CASE n % 8 WHEN 0 THEN 'escalated' WHEN 1 THEN 'declined' ELSE 'resolved' END, 'filled', t, t,
     t + (20 + n % 300) * interval '1 second', t + (120 + n % 3000) * interval '1 second', 12, ${HASH} FROM ${EACH}`,
  `INSERT INTO runbook.events (incident, seq, at, place, body, prev, hash)
   SELECT 'INC-' || n, seq, to_char((t + seq * interval '5 seconds') AT TIME ZONE 'UTC', ${ISO}), CASE seq WHEN 3 THEN 'r1/findings' END,
     CASE seq WHEN 2 THEN ${ALERT} WHEN 3 THEN ${FINDINGS} WHEN 5 THEN ${DELIVERY} ELSE ${NOTE} END, ${HASH}, ${HASH}
   FROM ${EACH} CROSS JOIN generate_series(1, 12) seq`,
  `INSERT INTO runbook.evidence (incident, place, name, kind, status, parameters, body, ref, truncated, started_at, duration_ms)
   SELECT 'INC-' || n, 'r1/check/jobs', 'jobs', 'bullmq.jobs', 'ok', '{}', '{"result":{"rows":[]}}', ${HASH}, false, t, 5 FROM ${EACH}`,
  `INSERT INTO runbook.gates (id, incident, round, remedy, proposal, proposal_digest, state, within_ms, opened_at, expires_at, decided_at)
   SELECT 'INC-' || n || '.r1', 'INC-' || n, 1, '${FILLED_REMEDY}', '{}', ${HASH},
     CASE n % 8 WHEN 0 THEN 'expired' WHEN 1 THEN 'rejected' ELSE 'approved' END, 900000, t + interval '5 seconds', t + interval '905 seconds',
     CASE n % 8 WHEN 0 THEN NULL ELSE t + (25 + n % 600) * interval '1 second' END FROM ${EACH}`,
  `INSERT INTO runbook.decisions (jti, gate, person, decision, proposal_digest, token, comment, at)
   SELECT 'filled-' || n, 'INC-' || n || '.r1', 'lead', CASE n % 8 WHEN 1 THEN 'reject' ELSE 'approve' END, ${HASH}, '', 'a deploy was running',
     t + (25 + n % 600) * interval '1 second' FROM ${EACH} WHERE n % 8 <> 0`,
  `INSERT INTO runbook.permits (gate, target, remedy, lease, fence, issued_at)
   SELECT 'INC-' || n || '.r1', 'run-' || n, 'stuck-runs/${FILLED_REMEDY}', 'run/' || n, 1, t + (27 + n % 600) * interval '1 second' FROM ${EACH} WHERE n % 8 > 1`,
  `INSERT INTO runbook.effects (gate, action, target, result, detail, at)
   SELECT 'INC-' || n || '.r1', '0-sql.update', 'run-' || n, 'applied', '', t + (28 + n % 600) * interval '1 second' FROM ${EACH} WHERE n % 8 > 1`,
  `INSERT INTO runbook.verdicts (gate, connection, held, at)
   SELECT 'INC-' || n || '.r1', 'bench-db', n % 8 <> 2, t + (60 + n % 600) * interval '1 second' FROM ${EACH} WHERE n % 8 > 1`,
]
