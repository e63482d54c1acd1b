import { NO_POLICY, type Policy } from '../../src/core/policy.ts'
import type { People } from '../../src/core/person.ts'
import { defined } from '../../src/core/defined.ts'
import { isRunbookError } from '../../src/core/errors.ts'
import { decide, decideByToken, type DecideDependencies } from '../../src/gate/decide.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { recordEvents } from '../../src/history/record.ts'
import { resolveGate } from '../../activities/resolve-gate.ts'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import { propose, type EngineWorld } from '../support/engine-world.ts'
import { formatDecision, type Observation } from './gate-model.ts'
import {
  GROUPS,
  TARGETS,
  WITH_KEYS,
  type DecisionRequest,
  type PersonName,
  type Operation,
  type GateSettings,
  type Signer,
} from './gate-operations.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

/** The real gate on PostgreSQL, through the functions that the API, the signal handler and the worker call. */
export interface RealGate {
  perform(operation: Operation, number: number): Promise<Observation>
}

const ENGINE = newSigningKey()
const FORMER = newSigningKey()
const UNKNOWN = newSigningKey()
const KEYS = new Map<PersonName, string>(WITH_KEYS.map((name) => [name, newSigningKey()]))
const SIGNED: Policy = {
  rules: [
    {
      ...{ name: 'signed', match: {}, by: [], count: 1, excludeRequester: false, excludeAuthor: false },
      ...{ strength: 'signed', breakGlass: false },
    },
  ],
  environments: {},
}
const OTHER_DIGEST = '0'.repeat(64)

export async function openRealGate(world: EngineWorld, settings: GateSettings): Promise<RealGate> {
  const { gate, digest, incident } = await propose(world, {
    incident: { requester: 'person:requester' },
    approval: {
      count: settings.required,
      excludeRequester: settings.excludeRequester,
      onTimeout: settings.onTimeout,
    },
    isOverdue: true,
    targets: TARGETS.map((key) => ({ key })),
  })
  const people: People = Object.fromEntries(
    Object.entries(GROUPS).map(([name, groups]) => [name, personOf(name as PersonName, groups)]),
  )
  const keyring = openKeyring({ key: ENGINE, previous: [publicKeyOf(FORMER)] }, people)
  const tokens: { number: number; token: string }[] = []
  let receivedTokens: number[] = []
  let policy: Policy = NO_POLICY
  let currentNumber = 0
  let rechecks = 0
  let lastRecheckedAt = '2026-01-01T00:00:00.000000Z'
  const dependencies: DecideDependencies = {
    database: world.engine,
    keyring,
    people,
    get policy() {
      return policy
    },
    wakeWorkflow: async (_, token) => void tokens.push({ number: currentNumber, token }),
  }
  const submitToken = (token: string) => decideByToken({ ...dependencies, wakeWorkflow: async () => {} }, token)
  const resolveWith = (signalled: string[]) =>
    resolveGate({ database: world.engine, keyring, people, policy } as unknown as ActivityDependencies, gate, signalled)

  async function submit({ person, decision, targets, digest: digestName }: DecisionRequest): Promise<void> {
    const request = { gate, decision, proposalDigest: digestName === 'this' ? digest : OTHER_DIGEST }
    await decide(dependencies, people[person] ?? personOf(person, ['oncall']), {
      ...request,
      ...(targets ? { targets } : {}),
    })
  }

  async function tokenOf(
    { person, decision, targets, digest: digestName }: DecisionRequest,
    signer: Signer,
    number: number,
  ): Promise<string> {
    const proposalDigest = digestName === 'this' ? digest : OTHER_DIGEST
    const claims = {
      gate,
      proposalDigest,
      decision,
      person,
      iat: Math.floor(Date.now() / 1_000),
      jti: `${gate}-${number}`,
    }
    return signClaims({ ...claims, ...(targets ? { targets } : {}) }, keyOf(signer, person))
  }

  async function recordRecheck(recheck: 'fresh' | 'stale'): Promise<string> {
    const before = lastRecheckedAt
    rechecks += 1
    const data = { round: 1, holds: true, because: '', targets: [...TARGETS], skipped: {} }
    const [stored] = await recordEvents(world.engine, incident, [
      { place: `r1/recheck${rechecks}`, actor: 'engine', kind: 'recheck', data },
    ])
    lastRecheckedAt = stored!.at
    return recheck === 'fresh' ? lastRecheckedAt : before
  }

  /** Runs a statement as superuser, with the gate as $1. */
  const asSuperuser = (text: string, values: unknown[] = []) => world.superuser.query(text, [gate, ...values])

  async function perform(operation: Operation, number: number): Promise<boolean | undefined> {
    switch (operation.do) {
      case 'decide':
        currentNumber = number
        receivedTokens = [number]
        await ignoreRefusal(submit(operation.request))
        return undefined
      case 'token': {
        const token = await tokenOf(operation.request, operation.signer, number)
        tokens.push({ number, token })
        receivedTokens = [number]
        await (operation.by === 'signal' ? resolveWith([token]) : ignoreRefusal(submitToken(token)))
        return undefined
      }
      case 'replay': {
        const earlier = tokens[operation.which % tokens.length]
        if (!earlier) return undefined
        receivedTokens = [earlier.number]
        await ignoreRefusal(submitToken(earlier.token))
        return undefined
      }
      case 'reset':
        receivedTokens = tokens.map((one) => one.number)
        await resolveWith(tokens.map((one) => one.token))
        return undefined
      case 'withdraw':
        await ignoreRefusal(
          withdraw({ database: world.engine, wakeWorkflow: async () => {} }, personOf(operation.person, []), { gate }),
        )
        return undefined
      case 'people':
        changePeople(people, operation)
        return undefined
      case 'policy':
        policy = operation.signed ? SIGNED : NO_POLICY
        return undefined
      case 'expire':
        await asSuperuser(
          `UPDATE runbook.gates SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1 AND state = 'open'`,
        )
        return undefined
      case 'age':
        await asSuperuser(
          `UPDATE runbook.gates SET decided_at = decided_at - interval '1 hour' WHERE id = $1 AND state = 'approved'`,
        )
        return undefined
      case 'resolve':
        await resolveGateRow(world.engine, gate)
        return undefined
      case 'cancel':
        await asSuperuser(
          `UPDATE runbook.incidents i SET cancelled_at = clock_timestamp(), cancelled_by = 'lead' FROM runbook.gates g
           WHERE g.id = $1 AND i.id = g.incident AND i.cancelled_at IS NULL`,
        )
        return undefined
      case 'permit': {
        const rules = { keyring, people, isAutoApproved: () => false, requesterMayApprove: true, policy }
        const recheckedAt = await recordRecheck(operation.recheck)
        const permit = await takeProposedPermit(world.engine, rules, {
          gate,
          target: operation.target,
          recheckedAt,
          leaseMs: 60_000,
        })
        return permit.granted
      }
      case 'forge': {
        const request: DecisionRequest = {
          person: operation.person,
          decision: 'approve',
          targets: null,
          digest: 'this',
        }
        await asSuperuser(
          `INSERT INTO runbook.decisions (jti, gate, person, decision, proposal_digest, next_cause, token)
           VALUES ($2, $1, $3, 'approve', $4, false, $5) ON CONFLICT DO NOTHING`,
          [`${gate}-${number}`, operation.person, digest, await tokenOf(request, 'unknown', number)],
        )
        return undefined
      }
      case 'force':
        await asSuperuser(
          `UPDATE runbook.gates SET state = 'approved', decided_at = clock_timestamp(), approved_targets = $2
           WHERE id = $1 AND state = 'open'`,
          [[...TARGETS]],
        )
        return undefined
    }
  }

  return {
    async perform(operation, number) {
      receivedTokens = []
      const granted = await perform(operation, number)
      const { rows } = await world.engine.query<{ state: Observation['state']; live: DecisionRequest[] }>(
        `SELECT state, coalesce((SELECT jsonb_agg(jsonb_build_object('person', person, 'decision', decision, 'targets', targets))
           FROM runbook.decisions WHERE gate = g.id AND withdrawn_at IS NULL), '[]') AS live FROM runbook.gates g WHERE id = $1`,
        [gate],
      )
      const { state, live } = rows[0]!
      return defined({
        state,
        live: live.map(formatDecision).sort(),
        receivedTokens,
        granted,
      })
    },
  }
}

function personOf(name: PersonName, groups: string[]): People[string] {
  const key = KEYS.get(name)
  return { name, groups: [...groups], keys: key ? [publicKeyOf(key)] : [] }
}

function changePeople(people: People, { person, change: what }: Extract<Operation, { do: 'people' }>): void {
  if (person === 'stranger') return
  if (what === 'removed') delete people[person]
  else people[person] = personOf(person, what === 'leaves' ? [] : GROUPS[person])
}

function keyOf(signer: Signer, person: PersonName): string {
  if (signer === 'engine') return ENGINE
  if (signer === 'former') return FORMER
  if (signer === 'own') return KEYS.get(person) ?? UNKNOWN
  return signer === 'another' ? [...KEYS].find(([name]) => name !== person)![1] : UNKNOWN
}

/** Ignores refusals, which are expected results. Rethrows all other errors. */
async function ignoreRefusal(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isRunbookError(error) || error.code === 'RUNBOOK_UNREACHABLE') throw error
  })
}
