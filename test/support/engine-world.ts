import { effectiveApproval } from '../../src/core/approval.ts'
import { NO_POLICY, type Policy } from '../../src/core/policy.ts'
import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import type { Proposal, ProposedAction } from '../../src/core/proposal.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { provisionEngineDatabase } from '../../src/engine/setup/provision.ts'
import { openGate, type GateRequest } from '../../src/gate/open-gate.ts'
import { acceptIncident, type Accepted, type NewIncident } from '../../src/history/accept.ts'
import { recordAuthors, storePlan } from '../../src/history/plans.ts'
import { termsInForce } from '../../src/gate/policy-terms.ts'
import { plan } from '../unit/interpreter/plan-fixture.ts'
import { pool } from './effects-world.ts'
import { planOf } from './plan-of.ts'

/** An engine database for one test file, with one pool per role. */
export interface EngineWorld {
  name: string
  applicationUrl: string
  ownerUrl: string
  /** A pool that is connected as the application role. */
  engine: pg.Pool
  owner: pg.Pool
  reader: pg.Pool
  /** A pool that is connected as a superuser, who can change what the application role may not change. */
  superuser: pg.Pool
  planDigest: string
  close(): Promise<void>
}

export async function openEngineWorld(superUrl: string): Promise<EngineWorld> {
  const name = `engine_${randomBytes(4).toString('hex')}`
  const roles = { owner: `${name}_owner`, application: `${name}_app` }
  const { ownerUrl, applicationUrl } = await provisionEngineDatabase(superUrl, { database: name, ...roles })
  const admin = pool(superUrl, 1)
  await admin.query(`CREATE ROLE ${name}_reader LOGIN PASSWORD 'reader' IN ROLE runbook_reader`)
  await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${name}_reader`)
  const url = (user?: string) => {
    const made = new URL(superUrl)
    made.pathname = `/${name}`
    if (user) Object.assign(made, { username: user, password: 'reader' })
    return made.href
  }
  const pools = {
    engine: pool(applicationUrl, 25),
    owner: pool(ownerUrl),
    reader: pool(url(`${name}_reader`)),
    superuser: pool(url()),
  }
  return {
    name,
    applicationUrl,
    ownerUrl,
    ...pools,
    planDigest: await storePlan(pools.engine, plan(), 'test'),
    async close() {
      await Promise.all(Object.values(pools).map((one) => one.end()))
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      for (const role of [roles.owner, roles.application, `${name}_reader`]) await admin.query(`DROP ROLE ${role}`)
      await admin.end()
    },
  }
}

let keys = 0
let remedies = 0

/** Opens an incident with a unique key, unless `change` sets one. */
export function accept(world: EngineWorld, change: Partial<NewIncident> = {}): Promise<Accepted> {
  return acceptIncident(world.engine, {
    type: 'bad-thing',
    runbook: 'things',
    planDigest: world.planDigest,
    key: `key-${(keys += 1)}`,
    inputs: {},
    requester: 'person:operator',
    ...change,
  })
}

export interface OpenedTestGate {
  incident: string
  gate: string
  digest: string
}

/** Opens an incident with a gate in its first round: targets a, b and c, with one `sql.update` for each. */
export async function propose(
  world: EngineWorld,
  change: {
    incident?: Partial<NewIncident>
    proposal?: Partial<Proposal>
    approval?: Partial<Proposal['approval']>
    gate?: Partial<Omit<GateRequest, 'proposal'>>
    /** The policy in force when the gate opens; the plan asks for `approval`. */
    policy?: Policy
    /** Authors of the plan's runbook. */
    authors?: string[]
    /** The proposal has expired but its gate is still open, so that the gate can be widened. */
    isOverdue?: true
    targets?: { key: string; lock?: string }[]
    action?: JsonObject
  } = {},
): Promise<OpenedTestGate> {
  const targets = (change.targets ?? [{ key: 'a' }, { key: 'b' }, { key: 'c' }]).map((one) => ({ ...one, item: null }))
  const terms = {
    remedy: `mend-${(remedies += 1)}`,
    title: 'Mend the things',
    risk: 'medium' as const,
    cause: 'many-bad',
    because: '3 things are bad',
    actions: targets.map(({ key }): ProposedAction => ({
      id: '0-sql.update',
      kind: 'sql.update',
      access: 'write',
      target: key,
      with: { connection: 'db', id: key, ...change.action },
      preview: { summary: `UPDATE things … '${key}'` },
    })),
    targets,
    affected: targets.length,
    limits: { maxTargets: 20 },
    ...change.proposal,
    approval: {
      auto: false,
      by: ['oncall'],
      count: 1,
      excludeRequester: false,
      validForMs: 60_000,
      onTimeout: 'reject' as const,
      escalateTo: ['platform'],
      inPart: true,
      ...change.approval,
    },
  }
  const planned = planOf(terms)
  const planDigest = await storePlan(world.engine, planned, 'test')
  await recordAuthors(world.engine, planDigest, change.authors ?? [])
  const { policy = NO_POLICY } = change
  const effective = effectiveApproval(planned.remedies[terms.remedy]!.approval, {
    ...{ risk: terms.risk, escalateTo: terms.approval.escalateTo, inPart: terms.approval.inPart },
    isAutoAllowed: terms.approval.auto,
    requesterMayApprove: !terms.approval.excludeRequester,
    terms: await termsInForce(world.engine, policy, { ...terms, planDigest }),
  })
  const { incident } = await accept(world, { planDigest, ...change.incident })
  const opened = await openGate(world.engine, {
    findings: [{ cause: 'many-bad', title: 'Many things are bad', holds: true, because: '3 things are bad' }],
    withinMs: change.isOverdue ? 1 : 60_000,
    requesterExcluded: false,
    policy,
    ...change.gate,
    proposal: {
      ...{ gate: `${incident}.r1`, incident, round: 1, planDigest, ...terms },
      approval: change.policy ? effective.stored : terms.approval,
    },
  })
  if (!opened.opened) throw new Error('the gate was not opened')
  if (change.isOverdue)
    await world.superuser.query(
      `UPDATE runbook.gates SET within_ms = 600000, expires_at = clock_timestamp() + interval '10 minutes' WHERE id = $1`,
      [opened.gate],
    )
  return { incident, gate: opened.gate, digest: opened.proposalDigest }
}
