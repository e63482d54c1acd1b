import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Current } from '../../src/core/current.ts'
import { main } from '../../src/cli/main.ts'
import type { PlanAction } from '../../src/core/plan.ts'
import { recordEffect } from '../../src/effects/record-effect.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import { incidentForReader } from '../../src/engine/views/incident-for-reader.ts'
import type { IncidentView } from '../../src/engine/views/view-types.ts'
import { tokenHash } from '../../src/gate/authenticate.ts'
import { newSigningKey } from '../../src/gate/keyring.ts'
import { readIncident } from '../../src/history/incidents.ts'
import { readAuthors, recordAuthors } from '../../src/history/plans.ts'
import { startApi, type RunningApi } from '../../src/http/serve.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { eventually } from '../support/effects-world.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'

const stack = inject('stack')
let world: WorkflowWorld
let api: RunningApi
let worker: { stop(): Promise<void> }

const byHand: PlanAction = {
  id: '1-manual',
  kind: 'manual',
  access: 'person',
  with: {
    instructions: { lit: 'Roll the release back' },
    form: { lit: { version: 'Which version runs now?' } },
  },
  once: true,
  timeoutMs: 600_000,
}

/** Its undo matches again after it was applied, unlike the undo of an `sql.update`. */
const addTen: PlanAction = {
  ...mending().actions[0]!,
  id: '0-sql.execute',
  kind: 'sql.execute',
  with: {
    connection: { lit: 'db' },
    sql: { lit: "UPDATE things SET state = 'good', n = n + 10 WHERE id = $1 AND state = 'bad'" },
    params: { list: [{ expr: expression('thing.id') }] },
    preview: { lit: "SELECT id, n FROM things WHERE id = $1 AND state = 'bad'" },
    undo: { lit: 'UPDATE things SET n = n - 10 WHERE id = $1' },
    tables: { lit: { things: ['select', 'update'] } },
  },
}

beforeAll(async () => {
  installRuntime('ERROR')
  const { actions } = mending()
  world = await openWorkflowWorld(stack, [
    thingsPlan('things'),
    thingsPlan('by-hand', { remedies: { mend: mending({ actions: [...actions, byHand] }) } }),
    thingsPlan('by-ten', { remedies: { mend: mending({ actions: [addTen] }) } }),
    thingsPlan('all-by-hand', {
      remedies: { mend: mending({ actions: [{ ...byHand, id: '0-manual' }], approval: { auto: true } }) },
    }),
  ])
  for (const person of Object.values(world.engine.people)) person.tokenHash = tokenHash(person.name)
  api = await startApi(new Current(world.engine), { host: '127.0.0.1', port: 0 })
  worker = await world.startWorker()
})
afterAll(async () => {
  await api?.close()
  await world?.close()
})

async function runbook(as: string, argv: string[], env: Record<string, string> = {}) {
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: api.url, RUNBOOK_TOKEN: as, ...env } })
  const code = await main(argv, terminal)
  return { code, out: terminal.out.trim(), err: terminal.err.trim() }
}

const digestOf = (view: IncidentView) => view.rounds.at(-1)!.gate!.proposalDigest
const statesOf = async (group: string) =>
  (await world.things.query(`SELECT DISTINCT state FROM things WHERE grp = $1`, [group])).rows.map((row) => row.state)
const waitsForPerson = (id: string) =>
  world.until(
    id,
    'waits for a person',
    (view) => view.rounds[0]?.effects.some(({ result }) => result === 'applied') === true,
  )

describe('sign', () => {
  const signal = (id: string, token: string) =>
    promisify(execFile)(stack.temporalBinary!, [
      ...['workflow', 'signal', '--address', stack.temporalAddress, '--namespace', world.engine.temporal.namespace],
      ...['--query', `WorkflowId STARTS_WITH '${id}/'`, '--reason', 'decision', '--yes'],
      ...['--name', 'decision', '--input', JSON.stringify(token)],
    ])

  test('a decision that is signed with a person’s own key and sent with the temporal CLI is recorded, without the API', async () => {
    await world.addThings('signed', 's1')
    const id = await world.open('things', 'signed')
    const digest = digestOf(await world.atGate(id))
    const argv = ['sign', id, '--person', 'lead', '--gate', `${id}.r1`, '--digest', digest, '--comment', 'by signal']
    const nowhere = { RUNBOOK_URL: 'http://127.0.0.1:9' }

    const forged = await runbook('lead', argv, { RUNBOOK_KEY: newSigningKey(), ...nowhere })
    expect(forged.code).toBe(0)
    await signal(id, forged.out)
    await eventually('the forged decision is recorded as denied', async () => {
      const { timeline } = JSON.parse((await runbook('lead', ['review', id, '--format', 'json'])).out)
      return timeline.some(({ kind }: { kind: string }) => kind === 'denied')
    })
    expect((await world.atGate(id)).rounds[0]!.gate!.decisions).toEqual([])

    const signed = await runbook('lead', argv, { RUNBOOK_KEY: world.leadsKey, ...nowhere })
    expect(signed.err).toContain('temporal workflow signal')
    await signal(id, signed.out)
    const closed = await world.closed(id)
    expect(closed).toMatchObject({ outcome: 'resolved' })
    expect(closed.rounds[0]!.gate!.decisions).toMatchObject([{ person: 'lead', comment: 'by signal' }])
    expect(await statesOf('signed')).toEqual(['good'])
  })

  test('needs a key, a name, and the digest of the proposal', async () => {
    await world.addThings('unsigned', 'u1')
    const id = await world.open('things', 'unsigned')
    const digest = digestOf(await world.atGate(id))
    const key = { RUNBOOK_KEY: world.leadsKey, RUNBOOK_PERSON: 'lead' }
    expect(await runbook('lead', ['sign', id, '--digest', digest])).toMatchObject({ code: 2 })
    expect((await runbook('lead', ['sign', id, '--digest', digest], { RUNBOOK_KEY: key.RUNBOOK_KEY })).err).toContain(
      '--person',
    )
    expect((await runbook('lead', ['sign', id], key)).err).toContain('--digest')
    expect(await runbook('lead', ['sign', id, '--digest', 'f'.repeat(64)], key)).toMatchObject({ code: 1 })
    expect(await runbook('lead', ['sign', id, '--digest', digest.slice(0, 12)], key)).toMatchObject({ code: 0 })
    expect(await runbook('operator', ['reject', id, '--digest', digest])).toMatchObject({ code: 0 })
    await world.closed(id)
  })
})

describe('withdraw', () => {
  test('an approval that was withdrawn before a worker used it applies nothing; the incident is diagnosed again', async () => {
    await world.addThings('back', 'b1')
    const id = await world.open('things', 'back')
    const digest = digestOf(await world.atGate(id))
    await worker.stop()
    expect(await runbook('operator', ['approve', id, '--digest', digest])).toMatchObject({ code: 0 })
    expect(await runbook('lead', ['withdraw', id])).toMatchObject({ code: 4 })
    const taken = await runbook('operator', ['withdraw', id, '--comment', 'the wrong one'])
    expect(taken).toMatchObject({ code: 0, err: expect.stringContaining('nothing is applied') })
    worker = await world.startWorker()

    const again = await world.until(id, 'waits at its second gate', (view) => view.rounds[1]?.gate?.state === 'open')
    expect(again.rounds[0]).toMatchObject({
      gate: { state: 'withdrawn', decisions: [{ withdrawn: true }] },
      effects: [],
    })
    expect(await statesOf('back')).toEqual(['bad'])
    await world.decide(again)
    expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
    expect(await runbook('lead', ['withdraw', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is closed'),
    })
  })
})

describe('done', () => {
  test('a manual step waits until a person answers it with the values of its form', async () => {
    await world.addThings('hand', 'h1')
    const id = await world.open('by-hand', 'hand')
    const waiting = await world.atGate(id)
    expect(await runbook('operator', ['done', id])).toMatchObject({ code: 1 })
    expect(waiting.manualSteps).toEqual([])
    await world.decide(waiting)
    await waitsForPerson(id)
    const { manualSteps } = await world.until(id, 'asks a person', (view) => view.manualSteps.length > 0)
    expect(manualSteps).toMatchObject([
      {
        action: '1-manual',
        target: '-',
        instructions: 'Roll the release back',
        form: { version: 'Which version runs now?' },
      },
    ])
    expect(Date.parse(manualSteps[0]!.until) - Date.parse(manualSteps[0]!.since)).toBe(600_000)
    expect((await runbook('reader', ['list', '--state', 'open'])).out).toMatch(
      new RegExp(`^${id} .*, waits for a person`, 'm'),
    )
    const shown = (await runbook('reader', ['show', id])).out
    expect(shown).toContain('Waits for a person, until')
    expect(shown).toContain('version: Which version runs now?')
    expect(shown).toContain(`runbook done ${id} --form version=…`)

    expect(await runbook('reader', ['done', id, '--form', 'version=1.14'])).toMatchObject({ code: 4 })
    expect(await runbook('operator', ['done', id])).toMatchObject({
      code: 2,
      err: expect.stringContaining('version is required: Which version runs now?'),
    })
    expect(await runbook('operator', ['done', id, '--form', 'version=1', '--form', 'vresion=1'])).toMatchObject({
      code: 2,
    })
    expect(await runbook('operator', ['done', id, '--step', '0-sql.update/h1'])).toMatchObject({ code: 1 })
    const said = await runbook('operator', ['done', id, '--form', 'version=1.14', '--comment', 'at 03:14'])
    expect(said).toMatchObject({ code: 0, err: expect.stringContaining('operator reported it as done: at 03:14') })

    const closed = await world.closed(id)
    expect(closed).toMatchObject({ outcome: 'resolved' })
    expect(closed.rounds[0]!.effects).toMatchObject([
      { action: '0-sql.update' },
      { action: '1-manual', result: 'applied' },
    ])
    expect(closed.manualSteps).toEqual([])
    expect((await runbook('operator', ['done', id])).code).toBe(1)
    expect((await runbook('reader', ['show', id])).out).toMatch(/Answers: version:\s+1\.14/)
    expect((await runbook('reader', ['review', id])).out).toMatch(/1-manual \| applied \| .*Answers: version: 1\.14/)
    const review = await runbook('reader', ['review', id, '--format', 'json'])
    expect(JSON.parse(review.out).incident.rounds[0].effects[1].answers).toEqual({ version: '1.14' })
  })

  test('a remedy with only manual steps needs no approval, and a step that was not done is recorded as skipped', async () => {
    await world.addThings('only', 'o1')
    const id = await world.open('all-by-hand', 'only')
    await world.until(id, 'waits for a person', (view) => view.rounds[0]?.gate?.state === 'approved')
    const said = await eventuallyDone(id, ['--not', '--comment', 'needed as it is'])
    expect(said.err).toContain('0-manual: operator reported it as not done: needed as it is')
    const closed = await world.closed(id)
    expect(closed).toMatchObject({
      outcome: 'escalated',
      reason: expect.stringContaining('a person reported a manual step of mend as not done'),
      manualSteps: [],
      rounds: [{ effects: [{ action: '0-manual', target: '-', result: 'skipped' }] }, { gate: null }],
    })
  })

  test('cancelling ends the wait for a manual step', async () => {
    await world.addThings('cancelled', 'c1')
    const id = await world.open('by-hand', 'cancelled')
    await world.decide(await world.atGate(id))
    await waitsForPerson(id)
    expect(await runbook('operator', ['cancel', id])).toMatchObject({ code: 0 })
    expect(await world.closed(id)).toMatchObject({ outcome: 'cancelled' })
    expect(await runbook('operator', ['done', id, '--form', 'version=1'])).toMatchObject({ code: 1 })
  })

  /** The step waits only after the re-check, so the command is repeated until then. */
  async function eventuallyDone(id: string, more: string[]) {
    let said = { code: -1, out: '', err: '' }
    await eventually('the step waits', async () => {
      said = await runbook('operator', ['done', id, ...more])
      return said.code === 0
    })
    return said
  }
})

describe('settle and retry', () => {
  test('a person settles an unknown effect, and retries the incident as a linked one', async () => {
    await world.addThings('unseen', 'x1')
    const id = await world.open('things', 'unseen')
    const waiting = await world.atGate(id)
    expect(await runbook('operator', ['retry', id])).toMatchObject({ code: 1 })
    await worker.stop()
    const place = { gate: `${id}.r1`, action: '0-sql.update', target: 'x1' }
    await recordEffect(world.engine.database, { ...place, result: 'unknown', detail: 'its end was not seen' })
    await world.decide(waiting)
    worker = await world.startWorker()
    expect(await world.closed(id)).toMatchObject({ outcome: 'escalated' })

    const settle = ['settle', id, '--as', 'refused', '--comment', 'x1 is still bad']
    expect(await runbook('reader', settle)).toMatchObject({ code: 4 })
    expect(await runbook('operator', [...settle, '--effect', '0-sql.update/x2'])).toMatchObject({ code: 2 })
    expect(await runbook('operator', ['settle', id, '--as', 'unknown', '--comment', 'x'])).toMatchObject({ code: 2 })
    expect(await runbook('operator', settle)).toMatchObject({
      code: 0,
      err: '0-sql.update on x1 is refused: operator settled it: x1 is still bad',
    })
    expect((await runbook('operator', settle)).err).toContain('has no unknown effect')
    expect(await runbook('operator', [...settle, '--effect', '0-sql.update/x1'])).toMatchObject({ code: 1 })
    const view = await world.closed(id)
    expect(view.rounds[0]!.targets).toMatchObject([{ key: 'x1', state: 'refused' }])

    const again = await runbook('operator', ['retry', id])
    expect(again.code).toBe(0)
    const next = await world.atGate(again.out)
    expect(next).toMatchObject({ parent: id, inputs: view.inputs, key: view.key })
    await world.decide(next)
    expect(await world.closed(again.out)).toMatchObject({ outcome: 'resolved' })
    const { out } = await runbook('operator', ['review', id])
    expect(out).toContain('operator settled 0-sql.update on x1 as refused: x1 is still bad')
    expect(out).toContain(`operator opened ${again.out} to retry this incident`)
  })
})

describe('the record of a remedy at the gate', () => {
  test('counts the uses that were verified, with the time until then', async () => {
    const recordAtGate = async (group: string) => {
      await world.addThings(group, `${group}1`)
      const id = await world.open('things', group)
      const waiting = await world.atGate(id)
      const { open } = await incidentForReader(world.engine, id, world.engine.people.operator!, 1)
      await world.decide(waiting)
      expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
      return open!.record
    }
    const before = await recordAtGate('record-a')
    const after = await recordAtGate('record-b')
    expect([after.uses, after.verified, after.healthy]).toEqual([
      before.uses + 1,
      before.verified + 1,
      before.healthy + 1,
    ])
    expect(after.medianMs).toBeGreaterThan(0)
  })
})

describe('undo', () => {
  async function mended(group: string, type = 'things') {
    await world.addThings(group, `${group}1`, `${group}2`)
    const id = await world.open(type, group)
    await world.decide(await world.atGate(id))
    expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
    return id
  }

  test('applied effects are undone by a proposal that waits for approval', async () => {
    const id = await mended('undone')
    const { database } = world.engine
    await recordAuthors(database, (await readIncident(database, id)).planDigest, ['author'])
    const undone = await runbook('operator', ['undo', id])
    expect(await readAuthors(database, (await readIncident(database, undone.out)).planDigest)).toEqual(['author'])
    expect(undone).toMatchObject({ code: 0, err: expect.stringContaining(`proposes to undo ${id}`) })
    expect(await runbook('lead', ['undo', id])).toMatchObject({ code: 0, out: undone.out })
    const waiting = await world.atGate(undone.out)
    expect(waiting).toMatchObject({
      parent: id,
      rounds: [{ remedy: 'undo', targets: [{ key: 'undone2' }, { key: 'undone1' }] }],
    })
    expect(waiting.rounds[0]!.gate!.proposal.actions.map(({ preview }) => preview.summary)).toEqual([
      "UPDATE things SET state = 'bad' WHERE id = 'undone2' AND state = 'good'",
      "UPDATE things SET state = 'bad' WHERE id = 'undone1' AND state = 'good'",
    ])
    expect(await statesOf('undone')).toEqual(['good'])
    const { out: shown } = await runbook('operator', ['show', undone.out])
    expect(shown).toContain(`Undo the effects of ${id}`)
    expect(shown).not.toContain('is not loaded')
    await world.decide(waiting)
    expect(await world.closed(undone.out)).toMatchObject({ outcome: 'resolved' })
    expect(await statesOf('undone')).toEqual(['bad'])
    const { out } = await runbook('operator', ['review', id])
    expect(out).toContain(`operator opened ${undone.out} to undo the effects of this incident`)
  })

  test('a row that somebody changed since is not undone', async () => {
    const id = await mended('moved')
    const undone = await runbook('operator', ['undo', id])
    const waiting = await world.atGate(undone.out)
    await world.things.query(`UPDATE things SET state = 'better' WHERE id = 'moved2'`)
    await world.decide(waiting)
    const closed = await world.closed(undone.out)
    expect(closed).toMatchObject({ outcome: 'escalated', reason: expect.stringContaining('refused for moved2') })
    expect(closed.rounds[0]!.targets).toMatchObject([
      { key: 'moved2', state: 'refused' },
      { key: 'moved1', state: 'applied' },
    ])
    expect(await statesOf('moved')).toEqual(['bad', 'better'])
  })

  test('a person approves the undo of one target, under the lease of the original effect', async () => {
    const id = await mended('half')
    const undone = await runbook('operator', ['undo', id])
    const waiting = await world.atGate(undone.out)
    const approved = await runbook('lead', [
      ...['approve', undone.out, '--targets', 'half1'],
      ...['--digest', digestOf(waiting)],
    ])
    expect(approved).toMatchObject({ code: 0 })
    const closed = await world.closed(undone.out)
    expect(closed).toMatchObject({
      outcome: 'resolved',
      reason: expect.stringContaining('undo was applied to 1 target'),
    })
    expect(closed.rounds[0]!.effects).toMatchObject([{ target: 'half1', result: 'applied' }])
    expect(closed.rounds[0]!.targets).toMatchObject([{ key: 'half2', state: 'not-approved' }, { state: 'applied' }])
    expect((await runbook('lead', ['show', undone.out])).out).toMatch(/ not approved half2\n applied +half1 /)
    const rows = await world.things.query(`SELECT id, state FROM things WHERE grp = 'half' ORDER BY id`)
    expect(rows.rows).toEqual([
      { id: 'half1', state: 'bad' },
      { id: 'half2', state: 'good' },
    ])
    const leases = await world.engine.database.query(
      `SELECT DISTINCT lease FROM runbook.permits WHERE target = 'half1' AND gate LIKE ANY ($1)`,
      [[`${id}.%`, `${undone.out}.%`]],
    )
    expect(leases.rowCount).toBe(1)
  })

  test('a statement that an earlier undo applied is not proposed again', async () => {
    const id = await mended('ten', 'by-ten')
    const numbers = async () =>
      (await world.things.query(`SELECT n FROM things WHERE grp = 'ten' ORDER BY id`)).rows.map(({ n }) => n)
    expect(await numbers()).toEqual([12, 12])
    const undoOf = async () => world.atGate((await runbook('operator', ['undo', id])).out)
    const first = await undoOf()
    await world.decide(first, 'lead', { targets: ['ten1'] })
    await world.closed(first.id)
    expect(await numbers()).toEqual([2, 12])
    const second = await undoOf()
    expect(second.rounds[0]).toMatchObject({ targets: [{ key: 'ten2' }] })
    const { title, because } = second.rounds[0]!.gate!.proposal
    expect(title).toBe(`Undo the effects of ${id} (1 of 2 effects)`)
    expect(because).toContain(`not undone: 0-sql.execute on ten1: ${first.id} has undone it`)
    await world.decide(second)
    await world.closed(second.id)
    expect(await numbers()).toEqual([2, 2])
    expect(await runbook('operator', ['undo', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`on ten1: ${first.id} has undone it`),
    })
  })

  test('one person asks for an undo so often, even if each request joins the undo that is open', async () => {
    const id = await mended('often')
    const { limits } = world.engine.config
    world.engine.config.limits = { ...limits, perIncident: 2 }
    const codes = []
    for (let i = 0; i < 4; i += 1) codes.push((await runbook('operator', ['undo', id])).code)
    world.engine.config.limits = limits
    expect(codes.slice(0, 2)).toEqual([0, 0])
    expect(codes.slice(2).every((code) => code !== 0)).toBe(true)
    const { timeline } = JSON.parse((await runbook('operator', ['review', id, '--format', 'json'])).out)
    expect(timeline.filter(({ kind }: { kind: string }) => kind === 'undo')).toHaveLength(2)
  })

  test('an incident that is open, or that applied nothing, cannot be undone', async () => {
    await world.addThings('kept', 'k1')
    const id = await world.open('things', 'kept')
    const digest = digestOf(await world.atGate(id))
    expect(await runbook('operator', ['undo', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('still open'),
    })
    expect(await runbook('operator', ['reject', id, '--digest', digest])).toMatchObject({ code: 0 })
    await world.closed(id)
    expect(await runbook('operator', ['undo', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('applied nothing'),
    })
  })
})

test('afterwards the audit finds no faults', async () => {
  const { engine } = world
  expect((await auditHistory(engine.database, engine.keyring)).faults).toEqual([])
})
