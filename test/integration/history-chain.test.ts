import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import { closeIncident } from '../../src/history/close.ts'
import { verifyChain } from '../../src/history/chain.ts'
import { recordEvents, recordEvidence } from '../../src/history/record.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { markdownOf } from '../support/review.ts'
import { openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'

let world: EngineWorld

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})

afterAll(async () => {
  await world?.close()
})

/** An incident with one proposal, one check and two notes, which was closed. Returns its id. */
async function closedIncident(): Promise<string> {
  const { incident } = await propose(world)
  const body = { result: { rows: [{ n: 1 }], truncated: false } }
  const at = { startedAt: new Date().toISOString(), durationMs: 1, truncated: false }
  const found = {
    place: 'r1/check/bad',
    name: 'bad',
    kind: 'sql.query',
    status: 'ok' as const,
    ref: sha256Hex(canonical(body)),
  }
  await recordEvidence(world.engine, incident, [{ ...found, ...at, ...body }], {})
  for (const note of ['one', 'two'])
    await recordEvents(world.engine, incident, [{ place: note, actor: 'engine', kind: 'note', data: { body: note } }])
  await closeIncident(world.engine, { incident, outcome: 'resolved', reason: 'mended' })
  return incident
}

/** Runs statements as a superuser with the triggers switched off. */
async function tamper(statement: string, incident: string): Promise<void> {
  const client = await world.superuser.connect()
  try {
    await client.query(`SET session_replication_role = replica`)
    for (const one of statement.split(';')) expect((await client.query(one, [incident])).rowCount).toBeGreaterThan(0)
    await client.query(`SET session_replication_role = origin`)
  } finally {
    client.release()
  }
}

describe('a chain', () => {
  test('that was not changed has no faults', async () => {
    expect(await verifyChain(world.reader, await closedIncident())).toEqual([])
  })

  const edited = `replace(body, '"one"', '"won"')`
  test.each([
    ['an edit', `UPDATE runbook.events SET body = ${edited} WHERE incident = $1 AND place = 'one'`],
    ['a change of time', `UPDATE runbook.events SET at = replace(at, 'Z', '0Z') WHERE incident = $1 AND place = 'one'`],
    [
      'another actor',
      `UPDATE runbook.events SET body = replace(body, '"engine"', '"person:x"') WHERE incident = $1 AND place = 'r1/gate/voided'`,
    ],
    [
      'an edit with a matching hash',
      `UPDATE runbook.events SET body = ${edited}, hash = encode(sha256(convert_to(concat_ws(E'\\n', prev, incident, seq, at, ${edited}), 'UTF8')), 'hex') WHERE incident = $1 AND place = 'one'`,
    ],
    ['a body that is not JSON', `UPDATE runbook.events SET body = 'broken' WHERE incident = $1 AND place = 'one'`],
    [
      'a body that is another kind of JSON',
      `UPDATE runbook.events SET body = 'null' WHERE incident = $1 AND place = 'one'`,
    ],
    ['another place', `UPDATE runbook.events SET place = 'three' WHERE incident = $1 AND place = 'one'`],
    ['a removal from the middle', `DELETE FROM runbook.events WHERE incident = $1 AND place = 'one'`],
    ['a removal from the front', `DELETE FROM runbook.events WHERE incident = $1 AND seq = 1`],
    ['a removal from the end', `DELETE FROM runbook.events WHERE incident = $1 AND place = 'closed'`],
    ['a removal of all', `DELETE FROM runbook.events WHERE incident = $1`],
    [
      'an insertion at the end',
      `INSERT INTO runbook.events SELECT incident, seq + 1, at, 'more', body, hash, hash FROM runbook.events WHERE incident = $1 ORDER BY seq DESC LIMIT 1`,
    ],
    [
      'an insertion in the middle, with later events renumbered',
      `UPDATE runbook.events SET seq = seq + CASE WHEN place = 'closed' THEN 1000 ELSE 0 END WHERE incident = $1;
       INSERT INTO runbook.events SELECT incident, seq + 1, at, 'more', body, hash, hash FROM runbook.events WHERE incident = $1 AND place = 'r1/gate/voided'`,
    ],
    [
      'two events with swapped places',
      `UPDATE runbook.events e SET body = o.body, place = NULL FROM runbook.events o
       WHERE e.incident = $1 AND o.incident = $1 AND (e.place, o.place) IN (('one', 'two'), ('two', 'one'))`,
    ],
    ['another outcome', `UPDATE runbook.incidents SET outcome = 'declined' WHERE id = $1`],
    ['a moved head', `UPDATE runbook.incidents SET head_seq = head_seq + 1 WHERE id = $1`],
    ['evidence that was edited', `UPDATE runbook.evidence SET body = replace(body, '1', '2') WHERE incident = $1`],
    [
      'evidence that was edited together with its ref',
      `UPDATE runbook.evidence SET body = '{}', ref = encode(sha256('{}'), 'hex') WHERE incident = $1`,
    ],
    ['evidence that was removed', `DELETE FROM runbook.evidence WHERE incident = $1`],
    [
      'evidence that was added',
      `INSERT INTO runbook.evidence SELECT incident, 'r1/check/more', name, kind, status, parameters, body, ref, truncated, started_at, duration_ms FROM runbook.evidence WHERE incident = $1`,
    ],
    [
      'a proposal that was edited',
      `UPDATE runbook.gates SET proposal = replace(proposal, '"db"', '"xx"') WHERE incident = $1`,
    ],
    ['a gate that was removed', `DELETE FROM runbook.gates WHERE incident = $1`],
  ])('shows %s', async (_, statement) => {
    const incident = await closedIncident()
    await tamper(statement, incident)
    expect(await verifyChain(world.reader, incident)).not.toEqual([])
    // The incident can be reviewed after any change, and the review reports the change.
    const review = await reviewIncident(world.reader, incident)
    expect(review.chainFaults).not.toEqual([])
    expect(await markdownOf(review)).toContain('**chain broken**')
  })

  test('reports an event whose data has the wrong fields for its kind, and the review shows that data', async () => {
    const incident = await closedIncident()
    await tamper(
      `UPDATE runbook.events SET body = replace(body, '"body":"one"', '"bodies":1') WHERE incident = $1 AND place = 'one'`,
      incident,
    )
    const faults = (await verifyChain(world.reader, incident)).map(({ what }) => what)
    expect(faults).toEqual(['was changed after it was written', 'is not a valid "note" event'])
    const { timeline } = await reviewIncident(world.reader, incident)
    expect(timeline.find(({ place }) => place === 'one')).toMatchObject({
      kind: 'note',
      text: 'this event cannot be read; its stored text is: note {"bodies":1}',
    })
  })

  test('does not show a cut at the end together with the head: only a checkpoint shows it', async () => {
    const incident = await closedIncident()
    await tamper(`DELETE FROM runbook.events WHERE incident = $1 AND place = 'closed'`, incident)
    await tamper(
      `UPDATE runbook.incidents i SET state = 'open', outcome = NULL, closed_at = NULL, (head_seq, head_hash) =
         (SELECT seq, hash FROM runbook.events WHERE incident = i.id ORDER BY seq DESC LIMIT 1) WHERE id = $1`,
      incident,
    )
    expect(await verifyChain(world.reader, incident)).toEqual([])
  })

  test('of another incident is not accepted instead', async () => {
    const [one, other] = [await closedIncident(), await closedIncident()]
    await tamper(`DELETE FROM runbook.events WHERE incident = $1`, one)
    await tamper(
      `INSERT INTO runbook.events SELECT $1, seq, at, place, body, prev, hash FROM runbook.events WHERE incident = '${other}'`,
      one,
    )
    expect((await verifyChain(world.reader, one)).map((fault) => fault.what)).toContain(
      'was changed after it was written',
    )
  })
})

test('a review during changes shows the incident at one moment, and its chain is never reported as broken', async () => {
  const { incident } = await propose(world)
  const writing = new AbortController()
  const write = async () => {
    for (let n = 1; n <= 60; n += 1)
      await recordEvents(world.engine, incident, [
        { place: `n${n}`, actor: 'engine', kind: 'note', data: { body: '' } },
      ])
    await closeIncident(world.engine, { incident, outcome: 'failed', reason: 'enough' })
    writing.abort()
  }
  const read = async () => {
    while (!writing.signal.aborted) {
      const { incident: view, timeline, chainFaults } = await reviewIncident(world.reader, incident)
      expect(chainFaults).toEqual([])
      expect(view.state === 'closed').toBe(timeline.at(-1)!.kind === 'closed')
      expect(view.rounds[0]!.gate!.state).toBe(view.state === 'closed' ? 'voided' : 'open')
    }
  }
  await Promise.all([write(), read(), read()])
})
