import type pg from 'pg'

export const FILLED_INCIDENTS = 50_000

/**
 * Fills the engine's database with closed incidents of the last three years, each with six events, a gate, a decision, a permit and an
 * effect, like the history of a busy engine after some years. All effects belong to one remedy, so that a query about this remedy finds
 * them all.
 */
export async function fillHistory(superuser: pg.Pool, planDigest: string, remedy: string): Promise<void> {
  const client = await superuser.connect()
  try {
    await client.query(`SET session_replication_role = replica; SET synchronous_commit = off`)
    const hash = `repeat('0', 64)`
    const at = `clock_timestamp() - interval '3 hours' - (${FILLED_INCIDENTS} - n) * interval '15 minutes'`
    const each = `FROM generate_series(1, ${FILLED_INCIDENTS}) n`
    const gate = `'INC-' || n || '.r1'`
    for (const insert of [
      `incidents (number, type, runbook, plan_digest, key, inputs, requester, state, outcome, reason, opened_at, started_at, closed_at, head_seq, head_hash)
       OVERRIDING SYSTEM VALUE SELECT n, 'things', 'things', '${planDigest}', 'things/' || n % 1000, '{}', 'person:operator', 'closed',
       CASE n % 4 WHEN 0 THEN 'failed' ELSE 'resolved' END, '', ${at}, ${at}, ${at}, 6, ${hash} ${each}`,
      `events (incident, seq, at, place, body, prev, hash) SELECT 'INC-' || n, seq, '2026-01-01T00:00:00.000000Z', 'filled' || seq,
       '{"actor":"engine","data":{"body":"filled"},"kind":"note"}', ${hash}, ${hash} FROM generate_series(1, ${FILLED_INCIDENTS}) n, generate_series(1, 6) seq`,
      `evidence (incident, place, name, kind, status, parameters, body, ref, truncated, started_at, duration_ms)
       SELECT 'INC-' || n, 'r1/check/bad', 'bad', 'sql.query', 'ok', '{}', '{}', ${hash}, false, ${at}, 5 ${each}`,
      `gates (id, incident, round, remedy, proposal, proposal_digest, state, within_ms, opened_at, expires_at, decided_at)
       SELECT ${gate}, 'INC-' || n, 1, '${remedy}', '{}', ${hash}, 'approved', 60000, ${at}, ${at}, ${at} ${each}`,
      `decisions (jti, gate, person, decision, proposal_digest, token, at) SELECT 'jti-' || n, ${gate}, 'lead', 'approve', ${hash}, '', ${at} ${each}`,
      `leases (name, holder, fence, until) SELECT 'thing/' || n, ${gate}, 1, ${at} ${each}`,
      `permits (gate, target, remedy, lease, fence, issued_at) SELECT ${gate}, n::text, 'things/${remedy}', 'thing/' || n, 1, ${at} ${each}`,
      `effects (gate, action, target, result, detail, at) SELECT ${gate}, '0-sql.update', n::text, 'applied', '', ${at} ${each}`,
      `intents (gate, action, target, at) SELECT ${gate}, '0-sql.update', n::text, ${at} ${each}`,
      `manual_steps (gate, action, target, since, until) SELECT ${gate}, '0-manual', n::text, ${at}, ${at} ${each}`,
      `notes (incident, person, body, at) SELECT 'INC-' || n, 'lead', 'filled', ${at} ${each}`,
      `follow_ups (incident, number, body, owner, person, at, closed_by, closed_at, result)
       SELECT 'INC-' || n, 1, 'filled', 'lead', 'lead', ${at}, 'lead', ${at}, 'done' ${each}`,
      `feedback (incident, person, helped, at) SELECT 'INC-' || n, 'lead', 'yes', ${at} ${each}`,
      `outbox (incident, place, channel, since, attempts, next_at, ended_at) SELECT 'INC-' || n, 'closed', 'oncall', ${at}, 1, ${at}, ${at} ${each}`,
      `tallies (incident, actor, what, count) SELECT 'INC-' || n, 'person:lead', 'notes', 1 ${each}`,
      `alerts (source, fingerprint, status, incident, labels, annotations, first_at) SELECT 'alertmanager', 'f' || n, 'firing', 'INC-' || n, '{}', '{}', ${at} ${each}`,
      `episodes (runbook, type, key, first_at, counted_at, last_at, confirmed_at, ended_at, state)
       SELECT 'sampled', 'sampled', 'sampled/' || n % 1000, ${at}, ${at}, ${at}, ${at}, ${at}, 'shadow' ${each}`,
      `verdicts (gate, connection, held, at) SELECT ${gate}, 'db', true, ${at} ${each}`,
      `requests (idempotency_key, fingerprint, incident, at) SELECT 'filled:' || n, '', 'INC-' || n, ${at} ${each}`,
    ])
      // oxlint-disable-next-line runbook/sql-text -- constants of this file, the digest of a test's plan and its remedy's name
      await client.query(`INSERT INTO runbook.${insert}`)
    for (const table of ['incidents', 'notes'])
      // oxlint-disable-next-line runbook/sql-text -- constants of this file
      await client.query(`ALTER TABLE runbook.${table} ALTER number RESTART WITH ${FILLED_INCIDENTS + 1}`)
    await client.query('VACUUM (ANALYZE)')
  } finally {
    client.release(true)
  }
}
