import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { apply } from '../../activities/apply.ts'
import { sha256Hex } from '../../src/core/canonical.ts'
import { Current } from '../../src/core/current.ts'
import type { PlanRemedy } from '../../src/core/plan.ts'
import { decideGate } from '../../src/engine/decide-gate.ts'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { retryIncident } from '../../src/engine/retry.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { activityDependencies, currentDependencies } from '../../src/engine/run-worker.ts'
import { incidentWorkflow } from '../../src/engine/incident-workflow.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { eventually } from '../support/effects-world.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { newSigningKey, openKeyring, publicKeyOf } from '../../src/gate/keyring.ts'
import { recordEvents } from '../../src/history/record.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { mending, openWorkflowWorld, thingsCheck, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'

const REASON = 'the region is down and nobody else can be reached'
const signingKey = newSigningKey()

let world: WorkflowWorld
const notify = async (channel: string) => `notified ${channel}`

const approval = (change: object): PlanRemedy['approval'] =>
  ({ ...mending().approval, ...change }) as PlanRemedy['approval']
const withRemedy = (name: string, change: Partial<PlanRemedy>) =>
  thingsPlan(name, { remedies: { mend: mending(change) } })
const [update] = mending().actions
const limits = { maxTargets: 20 }

beforeAll(async () => {
  installRuntime('ERROR')
  world = await openWorkflowWorld(inject('stack'), [
    withRemedy('usual', {}),
    withRemedy('strict', { risk: 'high' }),
    withRemedy('two-people', { approval: approval({ count: 2 }) }),
    withRemedy('brief', { approval: approval({ withinMs: 4_000, onTimeout: 'reject' }) }),
    withRemedy('automatic', { approval: { auto: true }, limits: { ...limits, perHour: 2 } }),
    withRemedy('patient', {
      actions: [
        {
          id: '0-notify',
          kind: 'notify',
          access: 'message',
          with: { channel: { lit: 'oncall' }, message: { lit: 'they will be mended' } },
          once: true,
          timeoutMs: 5_000,
          wait: {
            checks: [thingsCheck('after')],
            until: expression('size(after.rows) == 0', ['after']),
            everyMs: 100,
            withinMs: 60_000,
          },
        },
        { ...update!, id: '1-sql.update' },
      ],
    }),
    withRemedy('staged', { actions: [{ ...update!, batches: { size: 1, everyMs: 60_000 } }], limits }),
  ])
  Object.assign(world.engine.config, { breakGlass: ['oncall'] })
  world.engine.keyring = openKeyring({ key: signingKey }, world.engine.people)
})
afterAll(() => world?.close())

/** Runs a test with its own worker. */
async function withWorker<T>(change: Parameters<WorkflowWorld['startWorker']>[0], work: () => Promise<T>): Promise<T> {
  const worker = await world.startWorker({ notify, ...change })
  try {
    return await work()
  } finally {
    await worker.stop()
  }
}

const statesOf = async (group: string) =>
  (await world.things.query('SELECT state FROM things WHERE grp = $1 ORDER BY id', [group])).rows.map(
    (row: { state: string }) => row.state,
  )

describe('a gate', () => {
  test('on which nobody decides sends one reminder at half of its time, and expires', () =>
    withWorker({}, async () => {
      await world.addThings('silent', 's1')
      const id = await world.open('brief', 'silent')
      expect(await world.closed(id)).toMatchObject({ outcome: 'expired' })
      const { timeline } = await reviewIncident(world.engine.database, id)
      expect(timeline.filter(({ kind }) => kind === 'reminder')).toMatchObject([
        {
          place: 'r1/gate/reminder',
          text: expect.stringMatching(/^reminded oncall.*: gate INC-\d+\.r1 is waiting for a decision/),
        },
      ])
      expect(await statesOf('silent')).toEqual(['bad'])
    }))

  test('of a high-risk remedy cannot be approved by the requester', () =>
    withWorker({}, async () => {
      await world.addThings('risky', 'r1')
      const id = await world.open('strict', 'risky')
      const waiting = await world.atGate(id)
      await expect(world.decide(waiting, 'operator')).rejects.toThrow('the requester may not approve')
      await world.decide(waiting, 'lead')
      expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
    }))

  test('cannot be approved by the requester if the configuration forbids it', () =>
    withWorker({ requesterMayApprove: false }, async () => {
      await world.addThings('own', 'o1')
      const id = await world.open('usual', 'own')
      const waiting = await world.atGate(id)
      await expect(world.decide(waiting, 'operator')).rejects.toThrow('the requester may not approve')
      await world.decide(waiting, 'operator', { decision: 'reject' })
      expect(await world.closed(id)).toMatchObject({ outcome: 'declined' })
    }))

  test('of a remedy for which the configuration has a policy states its terms, and follows them to the end', () => {
    const rule = { name: 'two', match: { kind: ['sql.*'], connection: ['db'] }, by: ['oncall'], count: 2 }
    const further = { excludeRequester: false, excludeAuthor: false, strength: 'login', breakGlass: false } as const
    const policy = { rules: [{ ...rule, ...further }], environments: {} }
    return withWorker({ policy }, async () => {
      await world.addThings('governed', 'g1')
      const id = await world.open('usual', 'governed')
      const waiting = await world.atGate(id)
      expect(waiting.rounds[0]!.gate).toMatchObject({
        required: 2,
        proposal: { approval: { policy: { rules: ['two'], groups: [['oncall']], count: 2 } } },
      })
      await world.decide(waiting, 'operator')
      expect(await statesOf('governed')).toEqual(['bad'])
      await world.decide(waiting, 'lead')
      expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
      expect(await statesOf('governed')).not.toEqual(['bad'])
    })
  })

  test('approved by break-glass is applied, announced to the groups of "escalate", and marked in the review', () =>
    withWorker({ breakGlass: ['oncall'] }, async () => {
      await world.addThings('urgent', 'u1')
      const id = await world.open('two-people', 'urgent')
      const { id: gate, proposalDigest } = (await world.atGate(id)).rounds[0]!.gate!
      const request = { gate, proposalDigest, decision: 'approve', breakGlass: REASON } as const
      await decideGate(world.engine, world.engine.people.lead!, request)
      expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
      const review = await reviewIncident(world.engine.database, id)
      expect(review.timeline.filter(({ kind }) => kind === 'announcement')).toMatchObject([
        { text: expect.stringContaining(`lead approved ${gate} alone with break-glass`) },
      ])
      expect(review.incident.rounds[0]!.gate!.decisions).toMatchObject([{ person: 'lead', breakGlass: REASON }])
      expect(review.timeline.map(({ text }) => text)).toContainEqual(
        expect.stringContaining(`lead approved ${gate} by break-glass, reason: ${REASON}`),
      )
    }))
})

describe('the applied action', () => {
  const dependencies = () => ({ ...activityDependencies(world.engine), notify })

  /** An approved gate that no worker acts on, and the request that a worker would make. */
  async function approved(group: string) {
    await world.addThings(group, group)
    const id = await withWorker({}, async () => {
      const opened = await world.open('usual', group)
      await world.atGate(opened)
      return opened
    })
    const view = await world.atGate(id)
    await world.decide(view)
    const { id: gate, proposalDigest } = view.rounds[0]!.gate!
    const data = { round: 1, holds: true, because: '', targets: [group], skipped: {} }
    const [recheck] = await recordEvents(world.engine.database, id, [
      { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data },
    ])
    const request = { gate, proposalDigest, action: '0-sql.update', target: group }
    return { id, request: { ...request, timeoutMs: 5_000, recheckedAt: recheck!.at } }
  }

  test('is read from the stored proposal: a request can only name an action and a target', async () => {
    const { request } = await approved('stored')
    for (const wrong of [{ proposalDigest: 'f'.repeat(64) }, { action: '1-sql.update' }, { target: 'other' }])
      await expect(apply(dependencies(), { ...request, ...wrong })).rejects.toMatchObject({ code: 'RUNBOOK_REFUSED' })
    const more = { ...request, with: { set: { state: 'worse' } }, kind: 'sql.execute' }
    expect(await apply(dependencies(), more)).toMatchObject({ effect: { result: 'applied' } })
    expect(await statesOf('stored')).toEqual(['good'])
  })

  test('is never one of a proposal that was changed after the approval, whether or not its digest matches', async () => {
    const { id, request } = await approved('tampered')
    const { superuser } = world.history
    const found = await superuser.query<{ proposal: string }>('SELECT proposal FROM runbook.gates WHERE id = $1', [
      request.gate,
    ])
    const changed = found.rows[0]!.proposal.replace('"good"', '"worse"')
    expect(changed).not.toBe(found.rows[0]!.proposal)
    const store = async (digest: string) => {
      const client = await superuser.connect()
      await client.query('SET session_replication_role = replica')
      await client.query('UPDATE runbook.gates SET proposal = $2, proposal_digest = $3 WHERE id = $1', [
        request.gate,
        changed,
        digest,
      ])
      await client.query('SET session_replication_role = origin')
      client.release()
    }
    await store(request.proposalDigest)
    await expect(apply(dependencies(), request)).rejects.toMatchObject({ code: 'RUNBOOK_REFUSED' })
    const fitting = sha256Hex(changed)
    await store(fitting)
    await expect(apply(dependencies(), request)).rejects.toMatchObject({ code: 'RUNBOOK_REFUSED' })
    // A request with the new digest is refused too: no decision is signed for that digest.
    expect(await apply(dependencies(), { ...request, proposalDigest: fitting })).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('no quorum of signed approvals') },
    })
    expect(await statesOf('tampered')).toEqual(['bad'])
    await cancelIncident(world.engine, world.engine.people.lead!, id)
  })
})

test('a person who is removed while an action waits for a connection does not count for its permit', async () => {
  const current = new Current(world.engine)
  const worker = await world.startWorker(await currentDependencies(current).use((dependencies) => dependencies))
  await world.addThings('removed', 'removed')
  const id = await world.open('usual', 'removed')
  const waiting = await world.atGate(id)
  const target = await world.engine.targets.postgres('db', 'write')
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const busy = Array.from({ length: target.pool.options.max }, () => withPostgres(target, () => held))
  await world.decide(waiting)
  await eventually('the action waits for a connection', async () => {
    const { raw } = await (await incidentWorkflow(world.engine, id)).describe()
    return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'apply') ?? false
  })
  const { lead: _, ...people } = world.engine.people
  current.replace({ ...world.engine, people })
  release()
  await Promise.all(busy)
  const applied = async () => (await showIncident(world.engine.database, id)).rounds[0]!.targets
  await expect.poll(applied, { timeout: 20_000 }).toMatchObject([{ state: 'refused' }])
  expect(await statesOf('removed')).toEqual(['bad'])
  await cancelIncident(world.engine, world.engine.people.lead!, id)
  await world.closed(id)
  await worker.stop()
})

describe('when the signing key changes while an approved incident waits', () => {
  const rotated = (previous: string[]) => openKeyring({ key: newSigningKey(), previous }, world.engine.people)

  async function approvedWithoutWorker(group: string): Promise<string> {
    await world.addThings(group, `${group}1`)
    const id = await withWorker({}, async () => {
      const opened = await world.open('usual', group)
      await world.atGate(opened)
      return opened
    })
    await world.decide(await world.atGate(id))
    return id
  }

  test('the approval counts if the old key is configured as a former key', async () => {
    const id = await approvedWithoutWorker('rotated')
    await withWorker({ keyring: rotated([publicKeyOf(signingKey)]) }, async () => {
      expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
    })
  })

  test('nothing is applied if the old key is removed', async () => {
    const id = await approvedWithoutWorker('forgotten')
    await withWorker({ keyring: rotated([]) }, async () => {
      const view = await world.until(id, 'was refused', ({ rounds }) => rounds[0]!.effects.length > 0)
      expect(view.rounds[0]!.effects).toMatchObject([
        { result: 'refused', detail: expect.stringContaining('no quorum of signed approvals') },
      ])
      expect(await statesOf('forgotten')).toEqual(['bad'])
      await cancelIncident(world.engine, world.engine.people.lead!, id)
      await world.closed(id)
    })
  })
})

describe('approval: auto', () => {
  test('applies up to its limits, and refuses the targets beyond them', () =>
    withWorker({ auto: [{ kind: 'sql.update', connection: 'db' }] }, async () => {
      await world.addThings('auto', 'a1', 'a2', 'a3')
      const id = await world.open('automatic', 'auto')
      const view = await world.until(id, 'was applied', ({ rounds }) => rounds[0]?.effects.length === 3)
      expect(view.rounds[0]!.gate).toMatchObject({ auto: true, state: 'approved', decisions: [] })
      expect(view.rounds[0]!.effects.map(({ target, result }) => `${target} ${result}`)).toEqual([
        'a1 applied',
        'a2 applied',
        'a3 refused',
      ])
      expect(view.rounds[0]!.effects[2]!.detail).toContain('2 targets per hour')
      expect(await statesOf('auto')).toEqual(['good', 'good', 'bad'])
      await cancelIncident(world.engine, world.engine.people.lead!, id)
      await world.closed(id)
    }))

  test('waits for a person if the configuration does not permit it', () =>
    withWorker({}, async () => {
      await world.addThings('not-permitted', 'n1')
      const id = await world.open('automatic', 'not-permitted')
      expect((await world.atGate(id)).rounds[0]!.gate).toMatchObject({ auto: false, required: 1 })
      expect(await statesOf('not-permitted')).toEqual(['bad'])
      await cancelIncident(world.engine, world.engine.people.lead!, id)
      expect(await world.closed(id)).toMatchObject({ outcome: 'cancelled' })
    }))
})

test('an approval waits for the end of a freeze, and is then applied without another approval', () =>
  withWorker({}, async () => {
    await world.addThings('frozen', 'f1')
    const id = await world.open('usual', 'frozen')
    const freeze = { control: 'freeze', person: 'lead', reason: 'a failover' }
    await switchControl(world.history.engine, { ...freeze, on: true })
    await world.decide(await world.atGate(id))
    const attempts = async () =>
      (await incidentWorkflow(world.engine, id)).describe().then(({ raw }) => raw.pendingActivities ?? [])
    await eventually('the permit was asked for and refused', async () =>
      (await attempts()).some(({ lastFailure }) => lastFailure?.message?.includes('freeze is on') === true),
    )
    const waiting = await showIncident(world.engine.database, id)
    expect(waiting.controls).toMatchObject([{ name: 'freeze', reason: 'a failover' }])
    expect(waiting.rounds).toMatchObject([{ gate: { state: 'approved', validUntil: expect.any(String) }, effects: [] }])
    await switchControl(world.history.engine, { ...freeze, on: false })
    const closed = await world.closed(id)
    expect(closed).toMatchObject({ outcome: 'resolved' })
    expect(closed.rounds).toHaveLength(1)
    expect(await statesOf('frozen')).toEqual(['good'])
  }))

describe('targets', () => {
  test('in batches: after a cancellation between two batches, the later batches are not applied', () =>
    withWorker({}, async () => {
      await world.addThings('batch', 'b1', 'b2', 'b3')
      const id = await world.open('staged', 'batch')
      await world.decide(await world.atGate(id))
      await world.until(id, 'has applied the first', ({ rounds }) => rounds[0]!.effects.length === 1)
      await cancelIncident(world.engine, world.engine.people.operator!, id)
      const closed = await world.closed(id)
      expect(closed).toMatchObject({
        outcome: 'cancelled',
        reason: expect.stringMatching(
          /^the incident was cancelled\. What was done: \S+ was applied to 1 target and not verified$/,
        ),
      })
      expect(closed.rounds[0]!.effects).toHaveLength(1)
      expect(await statesOf('batch')).toEqual(['good', 'bad', 'bad'])
    }))

  test('that wait for an earlier action are not applied when the incident is cancelled', () =>
    withWorker({}, async () => {
      await world.addThings('patient', 'w1', 'w2')
      const id = await world.open('patient', 'patient')
      await world.decide(await world.atGate(id))
      const waiting = await world.until(id, 'waits', ({ rounds }) => rounds[0]!.effects.length === 1)
      expect(waiting.state).toBe('applying')
      expect(waiting.rounds[0]!.targets.map(({ state }) => state)).toEqual(['proposed', 'proposed'])
      await cancelIncident(world.engine, world.engine.people.operator!, id, 'nobody mends it')
      const closed = await world.closed(id)
      expect(closed).toMatchObject({ outcome: 'cancelled', reason: 'the incident was cancelled. Nothing was applied' })
      expect(closed.rounds[0]).toMatchObject({ targets: [{ state: 'skipped' }, { state: 'skipped' }], verified: null })
      expect(await statesOf('patient')).toEqual(['bad', 'bad'])
      const { timeline } = await reviewIncident(world.engine.database, id)
      const texts = timeline.map(({ text }) => text)
      expect(texts).toContain('waiting until size(after.rows) == 0, for at most 1m 00s')
      expect(texts).toContain('operator cancelled the incident: nobody mends it')
    }))

  test('of which one is refused: the others are applied and verified, and the refused one is proposed in the next round', () =>
    withWorker({}, async () => {
      await world.addThings('partly', 'p1', 'p2')
      await world.things.query(`CREATE FUNCTION refuse_p2() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.id = 'p2' THEN RAISE EXCEPTION 'p2 is kept' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$`)
      await world.things.query(
        'CREATE TRIGGER refuse_p2 BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION refuse_p2()',
      )
      const id = await world.open('usual', 'partly')
      await world.decide(await world.atGate(id))
      const again = await world.until(id, 'waits again', ({ rounds }) => rounds[1]?.gate?.state === 'open')
      expect(again.rounds[0]).toMatchObject({
        verified: true,
        targets: [
          { key: 'p1', state: 'applied' },
          { key: 'p2', state: 'refused' },
        ],
      })
      expect(again.rounds[1]!.targets).toMatchObject([{ key: 'p2', state: 'proposed' }])
      await world.things.query('DROP TRIGGER refuse_p2 ON things')
      await world.decide(again)
      expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
      expect(await statesOf('partly')).toEqual(['good', 'good'])
    }))
})

test('after an incident closed with the symptom still present, its key is quiet for alerts, but not for people', () =>
  withWorker({}, async () => {
    const { engine } = world
    await world.addThings('quiet', 'q1')
    const report = () => trigger(engine, { type: 'usual', inputs: { group: 'quiet' }, requester: 'alert:test' })
    const { incident } = await report()
    await world.decide(await world.atGate(incident), 'lead', { decision: 'reject' })
    expect(await world.closed(incident)).toMatchObject({ outcome: 'declined' })
    expect(await report()).toEqual({ incident, created: false, occurrences: 2, quiet: true })
    const again = await retryIncident(engine, engine.people.lead!, incident)
    expect(again.created).toBe(true)
    expect(await report()).toEqual({ incident: again.incident, created: false, occurrences: 2 })
    await world.decide(await world.atGate(again.incident))
    expect(await world.closed(again.incident)).toMatchObject({ outcome: 'resolved', parent: incident })
    expect((await report()).created).toBe(true)
  }))
