import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvidence } from '../../src/history/record.ts'
import { readMetrics } from '../../src/engine/views/metrics.ts'
import { addNote } from '../../src/engine/incident-actions.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

const HOSTILE = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>\u202Egnp.exe`

let world: HttpWorld
let operator: BrowserSession
let lead: BrowserSession
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { config: 'environment: production\n' })
  operator = await signIn(world, 'operator')
  lead = await signIn(world, 'lead')
})
afterAll(() => world?.close())

const update = (target: string, change: Partial<ProposedAction> = {}): ProposedAction => ({
  id: '0-sql.update',
  kind: 'sql.update',
  access: 'write',
  target,
  with: { connection: 'db', table: 'runs', id: target },
  preview: {
    summary: `UPDATE runs SET status = 'FAILED' WHERE id = '${target}'`,
    rows: [{ before: { id: target, status: 'RUNNING' }, after: { id: target, status: 'FAILED' } }],
    undo: 'set status back to RUNNING',
  },
  ...change,
})

async function proposed(count = 1, actions = [update('a'), update('b')]) {
  const id = await openIncident(world)
  return { id, digest: await openTestGate(world, id, count, actions) }
}

const decide = (session: BrowserSession, id: string, fields: Record<string, string | string[]>) =>
  session.post(`/incidents/${id}/decision`, { gate: `${id}.r1`, decision: 'approve', ...fields })

const evidenceOf = (result: JsonObject) => ({
  place: 'r1/check/seen',
  name: 'seen',
  kind: 'sql.query',
  status: 'ok' as const,
  ref: sha256Hex(canonical({ result })),
  result,
  startedAt: new Date().toISOString(),
  durationMs: 3,
  truncated: false,
})

/** The statement of `update` in HTML, up to the target. */
const STATEMENT = 'UPDATE runs SET status = &#39;FAILED&#39; WHERE id = &#39;'

const gateOf = async (id: string) => (await world.call('GET', `/v1/incidents/${id}`)).json.rounds[0].gate

describe('the inbox', () => {
  test('lists what waits for the reader, oldest first, with the others who may decide, and counts it in the title', async () => {
    const [first, second] = [await proposed(), await proposed()]
    const { text } = await operator.get('/')
    expect(text).toMatch(/<title>\(\d+\) Inbox<\/title>/)
    const mine = text.slice(text.indexOf('Waits for you'), text.indexOf('At work'))
    expect(mine.indexOf(first.id)).toBeGreaterThan(0)
    expect(mine.indexOf(second.id)).toBeGreaterThan(mine.indexOf(first.id))
    expect(mine).toContain('others who may approve: lead')
    expect(mine).not.toContain('viewer')
  })

  test('what the reader may not decide, or has decided, waits for other people', async () => {
    const { id, digest } = await proposed(2)
    await decide(operator, id, { digest })
    const after = (await operator.get('/')).text
    expect(after.slice(after.indexOf('Waits for other people'))).toContain(id)
    const reader = (await (await signIn(world, 'reader')).get('/')).text
    expect(reader.slice(0, reader.indexOf('Waits for other people'))).not.toContain(id)
    expect(reader).toContain('you may not approve: reader is in none of the groups')
  })

  test('a proposal whose time is over waits for nobody, although no worker has recorded it yet', async () => {
    const [late, cancelled, open] = [await proposed(), await proposed(), await proposed()]
    const { database } = world.engine
    const lists = async () => {
      const { text } = await operator.get('/')
      const [, counted] = /<title>\((\d+)\) Inbox<\/title>/.exec(text)!
      const metrics = await readMetrics(database)
      const metric = (name: string) => metrics.find((one) => one.name === name)!.samples[0]!.value
      const { gates } = (await world.call('GET', '/v1/gates')).json
      return {
        inbox: text,
        counted: Number(counted),
        gates: gates.map(({ incident }: { incident: string }) => incident),
        metrics: { open: metric('runbook_gates_open'), overdue: metric('runbook_gates_overdue') },
      }
    }
    const before = await lists()
    expect(before.gates).toEqual(expect.arrayContaining([late.id, cancelled.id, open.id]))
    await database.query('UPDATE runbook.gates SET expires_at = clock_timestamp() WHERE incident = $1', [late.id])
    await database.query(
      `UPDATE runbook.incidents SET cancelled_at = clock_timestamp(), cancelled_by = 'lead' WHERE id = $1`,
      [cancelled.id],
    )
    const after = await lists()
    const waiting = after.inbox.slice(0, after.inbox.indexOf('Nobody decided in time'))
    expect(waiting).toContain(open.id)
    for (const { id } of [late, cancelled]) expect(waiting).not.toContain(id)
    const overdue = after.inbox.slice(waiting.length, after.inbox.indexOf('At work'))
    expect(overdue).toContain(late.id)
    expect(overdue).toContain('the time to decide is over; a worker will record it')
    expect(after.counted).toBe(before.counted - 2)
    expect(after.gates.length).toBe(before.gates.length - 2)
    expect(after.gates).not.toContain(late.id)
    expect(after.gates).not.toContain(cancelled.id)
    expect(after.metrics).toEqual({ open: before.metrics.open - 2, overdue: before.metrics.overdue + 1 })
    expect(await gateOf(late.id)).toMatchObject({ state: 'overdue', decisions: [], obstacles: [] })
    expect(await gateOf(cancelled.id)).toMatchObject({ state: 'cancelling' })
    for (const { id } of [late, cancelled]) await resolveGateRow(database, `${id}.r1`)
    const recorded = await lists()
    expect(recorded.inbox).not.toContain('Nobody decided in time')
    expect(recorded.metrics).toEqual({ ...after.metrics, overdue: before.metrics.overdue })
    expect(recorded.gates).toEqual(after.gates)
    expect(await gateOf(late.id)).toMatchObject({ state: 'expired' })
  })

  test('lists incidents that were escalated, and messages that were not delivered', async () => {
    const id = await openIncident(world)
    await closeIncident(world.engine.database, { incident: id, outcome: 'escalated', reason: 'no known cause holds' })
    await world.engine.database.query(
      `INSERT INTO runbook.outbox (incident, place, channel, problem) VALUES ($1, 'r1/escalation', 'platform', 'answered 500')`,
      [id],
    )
    const { text } = await operator.get('/')
    const escalated = text.slice(text.indexOf('Failed or escalated'))
    expect(escalated).toContain(id)
    expect(escalated).toContain('no known cause holds')
    expect(escalated.slice(escalated.indexOf('not delivered yet'))).toContain('platform')
  })
})

describe('an incident', () => {
  test('says first what it waits for and who can continue it', async () => {
    const { id } = await proposed(2)
    const { text } = await operator.get(`/incidents/${id}`)
    const main = text.slice(text.indexOf('<main'))
    expect(main.indexOf('Waits for 2 approvals by: you, lead. Expires')).toBeGreaterThan(0)
    expect(main.indexOf('Waits for 2')).toBeLessThan(main.indexOf('<h1'))
  })

  test('does not wait for the reader who has approved, and offers no second approval', async () => {
    const { id, digest } = await proposed(2)
    await decide(operator, id, { digest })
    const { text } = await operator.get(`/incidents/${id}`)
    expect(text).toContain('Waits for 1 approval by: lead. Expires')
    expect(text).toContain('You have approved this. 1 more approval of other people is needed.')
    expect(text).not.toContain('A second page asks you to confirm.')
    expect(text).toContain('Withdraw my decision')
  })

  test('whose time to decide is over says so, and offers nothing to decide', async () => {
    const { id, digest } = await proposed()
    await world.engine.database.query('UPDATE runbook.gates SET expires_at = clock_timestamp() WHERE incident = $1', [
      id,
    ])
    const { text } = await operator.get(`/incidents/${id}`)
    const main = text.slice(text.indexOf('<main'))
    expect(main).toContain('Waits for a worker: the time to decide is over; a worker will record it.')
    expect(main).not.toContain('data-decides')
    const confirmation = await operator.get(`/incidents/${id}/approve?digest=${digest}&target=0`)
    expect(confirmation.status).toBe(409)
    expect(confirmation.text).toContain('it is overdue: the time to decide is over')
    const decided = await decide(operator, id, { digest })
    expect(decided.status).toBe(409)
    expect(decided.text).toContain('expired before the decision arrived')
    expect((await gateOf(id)).decisions).toEqual([])
  })

  test.each([
    ['approve', {}, 'Approved by operator. Next, the engine checks every target again and applies the remedy'],
    ['reject', { comment: 'no' }, 'Rejected by operator: nothing is changed. Next, the engine closes the incident'],
    ['reject', { comment: 'no', nextCause: 'yes' }, 'Next, the engine looks for the next cause that holds'],
  ])('after a decision to %s (%o) the first line says what happens next', async (decision, more, text) => {
    const { id, digest } = await proposed()
    await decide(operator, id, { digest, gate: `${id}.r1`, decision, ...more })
    const page = (await operator.get(`/incidents/${id}`)).text
    expect(page.slice(page.indexOf('<main'), page.indexOf('<h1'))).toContain(text)
  })

  test('shows the proposal: statements, values now and after, undo, limits, quorum and track record', async () => {
    const { id, digest } = await proposed()
    const { text } = await operator.get(`/incidents/${id}`)
    for (const part of [
      '2 targets',
      'risk: low',
      '0 of 1 approval',
      'UPDATE runs SET status = &#39;FAILED&#39; WHERE id = &#39;a&#39;',
      'set status back to RUNNING',
      'the proposal expires and nothing is changed',
      'This remedy was never used before.',
      'No check was run.',
      digest.slice(0, 12),
      'Approve: Mend it',
    ])
      expect(text).toContain(part)
    expect(text).toMatch(/status<\/bdi>: <bdi>RUNNING<\/bdi> → <bdi>FAILED/)
  })

  test('with 20 targets, each with a long statement, it is a page of at most 100 kB that shows every one', async () => {
    const keys = Array.from({ length: 20 }, (_, n) => `run-${n}-${'x'.repeat(40)}`)
    const id = await openIncident(world)
    const targets = keys.map((key) => ({ key, item: null, lock: `${id}/${key}` }))
    await openTestGate(
      world,
      id,
      1,
      keys.map((key) => update(key)),
      { targets, affected: 20 },
    )
    const { text } = await operator.get(`/incidents/${id}`)
    for (const key of keys) expect(text).toContain(`WHERE id = &#39;${key}&#39;`)
    expect(text.length).toBeLessThan(100_000)
  })

  test('a person who may not decide sees why, and no button', async () => {
    const { id } = await proposed()
    for (const [person, why] of [
      ['reader', 'reader is in none of the groups'],
      ['viewer', 'viewer has the role &quot;viewer&quot;, which may only read'],
    ] as const) {
      const { text } = await (await signIn(world, person)).get(`/incidents/${id}`)
      expect(text).toContain(`You may not approve this: ${why}`)
      expect(text).not.toContain('data-decides')
    }
  })

  test('an unknown incident is 404 with the way back', async () => {
    for (const path of ['/incidents/INC-999999', '/incidents/142', '/incidents/INC-1/evidence/x']) {
      const { status, text, headers } = await operator.get(path)
      expect([path, status]).toEqual([path, 404])
      expect(headers.get('content-type')).toContain('text/html')
      expect(text).toContain('<a href="/')
    }
  })

  test('its events are streamed until it is closed', async () => {
    const { id } = await proposed()
    const response = await fetch(`${world.api.url}/incidents/${id}/events?after=1`, {
      headers: { cookie: operator.cookie },
    })
    const reader = response.body!.getReader()
    await addNote(world.engine, world.engine.people.lead!, id, 'seen')
    let text = ''
    while (!text.includes('seen')) text += new TextDecoder().decode((await reader.read()).value)
    expect(text).toMatch(/^event: change\n/)
    await reader.cancel()
  })
})

describe('deciding', () => {
  test('the confirmation repeats verb, count and environment, and approving it approves the gate', async () => {
    const { id, digest } = await proposed()
    const page = await operator.get(`/incidents/${id}/approve?digest=${digest}&target=0&target=1`)
    expect(page.status).toBe(200)
    expect(page.text).toContain('Yes, approve in production: Mend it (2 targets)')
    for (const target of ['a', 'b']) expect(page.text).toContain(`${STATEMENT}${target}&#39;`)
    expect(page.text.match(/status<\/bdi>: <bdi>RUNNING<\/bdi> → <bdi>FAILED/g)).toHaveLength(2)
    expect((await gateOf(id)).state).toBe('open')
    const answer = await decide(operator, id, { digest, comment: 'looks right' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/incidents/${id}`])
    expect(await gateOf(id)).toMatchObject({
      state: 'approved',
      decisions: [{ person: 'operator', decision: 'approve', targets: null, comment: 'looks right' }],
    })
  })

  test('the confirmation names the environment of the connection, where the configuration gives it one', async () => {
    const { config } = world.engine
    const { policy } = config
    config.policy = { ...policy, environments: { db: 'staging' } }
    const { id, digest } = await proposed()
    const page = await operator.get(`/incidents/${id}/approve?digest=${digest}&target=0&target=1`)
    config.policy = policy
    expect(page.text).toContain('Yes, approve in staging: Mend it (2 targets)')
    expect(page.text).toContain('<span>staging</span>')
  })

  test('a part of the targets is approved by their numbers in the proposal', async () => {
    const { id, digest } = await proposed()
    const page = await operator.get(`/incidents/${id}/approve?digest=${digest}&target=1`)
    expect(page.text).toContain('(1 target)')
    expect(page.text).toContain('1 other target will not be changed.')
    expect(page.text).not.toContain('id = &#39;a&#39;')
    expect(page.text).toContain(`${STATEMENT}b&#39;`)
    expect(page.text.match(/status<\/bdi>: <bdi>RUNNING<\/bdi> → <bdi>FAILED/g)).toHaveLength(1)
    await decide(operator, id, { digest, part: 'yes', target: '1' })
    expect(await gateOf(id)).toMatchObject({ state: 'approved', decisions: [{ targets: ['b'] }] })
  })

  test.each([
    ['no target', ''],
    ['a target that does not exist', '&target=7'],
    ['a target that is not a number', '&target=a'],
  ])('%s is refused', async (_, query) => {
    const { id, digest } = await proposed()
    const page = await operator.get(`/incidents/${id}/approve?digest=${digest}${query}`)
    expect(page.status).toBe(400)
    expect(page.text).toContain('Nothing was changed.')
    // The incident is shown, so that the person can try again.
    expect(page.text).toContain('Approve: Mend it')
  })

  test('a part without any target is refused, and is not taken for all targets', async () => {
    const { id, digest } = await proposed()
    for (const part of [{ part: 'yes' }, { part: 'yes', target: '' }, { part: 'yes', target: [] }]) {
      expect((await decide(operator, id, { digest, ...part })).status).toBe(400)
      expect(await gateOf(id)).toMatchObject({ state: 'open', decisions: [] })
    }
  })

  test('another proposal than the one that was read is not approved', async () => {
    const { id } = await proposed()
    const stale = 'a'.repeat(64)
    const page = await operator.get(`/incidents/${id}/approve?digest=${stale}&target=0`)
    expect(page.status).toBe(409)
    expect(page.text).toContain('The proposal has changed since you read it')
    for (const fields of [{ digest: stale }, { digest: stale, part: 'yes', target: '0' }])
      expect((await decide(operator, id, fields)).status).toBe(409)
    expect((await gateOf(id)).state).toBe('open')
  })

  test('a rejection needs a reason, and records it', async () => {
    const { id, digest } = await proposed()
    const without = await decide(operator, id, { digest, decision: 'reject', comment: '  ' })
    expect(without.status).toBe(400)
    expect(without.text).toContain('a rejection needs a reason')
    await decide(operator, id, { digest, decision: 'reject', comment: 'not now', nextCause: 'yes' })
    expect(await gateOf(id)).toMatchObject({
      state: 'rejected',
      decisions: [{ decision: 'reject', comment: 'not now', nextCause: true }],
    })
  })

  test('of two people who decide at once, one decides and the other sees what happened', async () => {
    const { id, digest } = await proposed()
    const answers = await Promise.all([
      decide(operator, id, { digest }),
      decide(lead, id, { digest, decision: 'reject', comment: 'wait' }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409])
    const refused = answers.find(({ status }) => status === 409)!
    expect(refused.text).toContain('no decision is possible any more')
    const { state, decisions } = await gateOf(id)
    expect(decisions).toHaveLength(1)
    expect(['approved', 'rejected']).toContain(state)
  })

  test('a form without the form token of the session changes nothing', async () => {
    const { id, digest } = await proposed()
    for (const formToken of ['', lead.formToken]) {
      const answer = await decide(operator, id, { digest, formToken })
      expect(answer.status).toBe(403)
    }
    expect((await gateOf(id)).state).toBe('open')
  })

  test('the gate of another incident cannot be decided under this address', async () => {
    const [one, other] = [await proposed(), await proposed()]
    const answer = await decide(operator, one.id, { digest: other.digest, gate: `${other.id}.r1` })
    expect(answer.status).toBe(400)
    expect((await gateOf(other.id)).state).toBe('open')
  })
})

describe('text from outside', () => {
  /** Markup that a browser would take from the text. */
  const markup = /<img|<script(?! type="module" src="\/assets)|\u202E/

  test('stays text in every field of a proposal, its causes, its inputs, its notes and its evidence', async () => {
    const opened = await world.call('POST', '/v1/incidents', { body: { type: 'test-run', inputs: { run: HOSTILE } } })
    const id = opened.json.incident as string
    const value = { [HOSTILE]: HOSTILE }
    await openTestGate(world, id, 1, [
      update('a', {
        kind: HOSTILE,
        with: { connection: HOSTILE, table: HOSTILE, ...value },
        preview: {
          summary: `${HOSTILE}\n${HOSTILE}`,
          rows: [{ before: { ...value, x: HOSTILE }, after: { ...value, x: 'y' } }],
          undo: HOSTILE,
          guarantee: HOSTILE,
          warning: HOSTILE,
        },
      }),
    ])
    await addNote(world.engine, world.engine.people.lead!, id, HOSTILE)
    const result = { rows: [value], [HOSTILE]: HOSTILE, list: [HOSTILE] }
    const evidence = evidenceOf(result)
    const { ref } = evidence
    await recordEvidence(world.engine.database, id, [evidence], { 'r1/check/seen': value })
    for (const path of ['/', `/incidents/${id}`, `/incidents/${id}?events=all`, `/incidents/${id}/evidence/${ref}`]) {
      const { status, text } = await operator.get(path)
      expect([path, status]).toEqual([path, 200])
      expect(text).toContain('onerror=alert(1)')
      expect(text, path).not.toMatch(markup)
    }
    const reason = { gate: `${id}.r1`, digest: (await gateOf(id)).proposalDigest, decision: 'reject', comment: HOSTILE }
    await operator.post(`/incidents/${id}/decision`, reason)
    expect((await operator.get(`/incidents/${id}`)).text).not.toMatch(markup)
  })

  test('stays text where an address or a form repeats it', async () => {
    const { id } = await proposed()
    const text = encodeURIComponent(HOSTILE)
    for (const path of [
      `/sign-in?next=/${text}`,
      `/sign-in/link?code=${text}`,
      `/incidents/${text}`,
      `/incidents/${id}?events=${text}`,
      `/incidents/${id}/approve?digest=${text}&target=${text}`,
    ])
      expect((await operator.get(path)).text, path).not.toMatch(markup)
    const answer = await decide(operator, id, { digest: HOSTILE, gate: HOSTILE, decision: HOSTILE, target: HOSTILE })
    expect(answer.status).toBe(400)
    expect(answer.text).not.toMatch(markup)
  })

  test('the evidence of 20,000 rows is a page of at most 100 kB that says what is missing', async () => {
    const id = await openIncident(world)
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ n, name: `job ${n}` }))
    const evidence = evidenceOf({ rows })
    const { ref } = evidence
    await recordEvidence(world.engine.database, id, [evidence], {})
    const { text } = await operator.get(`/incidents/${id}/evidence/${ref}`)
    expect(text.length).toBeLessThan(100_000)
    expect(text).toContain('Not shown: 19900 more rows')
  })
})
