import type { People } from '../../src/core/person.ts'
import { isRunbookError } from '../../src/core/errors.ts'
import { decide, decideByToken, type DecideDependencies } from '../../src/gate/decide.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { takePermit } from '../../src/gate/permit.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { recordEvents } from '../../src/history/record.ts'
import { resolveGate } from '../../activities/resolve-gate.ts'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import { propose, type EngineWorld } from '../support/engine-world.ts'
import { shown, type Seen } from './gate-model.ts'
import {
  GROUPS,
  TARGETS,
  WITH_KEYS,
  type Answer,
  type Name,
  type Operation,
  type Setting,
  type Signer,
} from './gate-operations.ts'

/** The real gate, on PostgreSQL, by the functions that the API, the signal and the worker call. */
export interface ActualGate {
  perform(operation: Operation, number: number): Promise<Seen>
}

const ENGINE = newSigningKey()
const FORMER = newSigningKey()
const UNKNOWN = newSigningKey()
const KEYS = new Map<Name, string>(WITH_KEYS.map((name) => [name, newSigningKey()]))
const OTHER_DIGEST = '0'.repeat(64)

export async function openActualGate(world: EngineWorld, setting: Setting): Promise<ActualGate> {
  const { gate, digest, incident } = await propose(world, {
    incident: { requester: 'person:requester' },
    approval: {
      count: setting.required,
      excludeRequester: setting.excludeRequester,
      onTimeout: setting.onTimeout,
    },
    isOverdue: true,
    targets: TARGETS.map((key) => ({ key })),
  })
  const people: People = Object.fromEntries(
    Object.entries(GROUPS).map(([name, groups]) => [name, personOf(name as Name, groups)]),
  )
  const keyring = openKeyring({ key: ENGINE, previous: [publicKeyOf(FORMER)] }, people)
  const heard: { number: number; token: string }[] = []
  let came: number[] = []
  let deciding = 0
  let looks = 0
  let lastLook = '2026-01-01T00:00:00.000000Z'
  const dependencies: DecideDependencies = {
    database: world.engine,
    keyring,
    people,
    wakeWorkflow: async (_, token) => void heard.push({ number: deciding, token }),
  }
  const byToken = (token: string) => decideByToken({ ...dependencies, wakeWorkflow: async () => {} }, token)
  const resolveWith = (tokens: string[]) =>
    resolveGate({ database: world.engine, keyring, people } as unknown as ActivityDependencies, gate, tokens)

  async function say({ who, decision, targets, digest: names }: Answer): Promise<void> {
    const request = { gate, decision, proposalDigest: names === 'this' ? digest : OTHER_DIGEST }
    await decide(dependencies, people[who] ?? personOf(who, ['oncall']), {
      ...request,
      ...(targets ? { targets } : {}),
    })
  }

  async function tokenOf(
    { who, decision, targets, digest: names }: Answer,
    signer: Signer,
    number: number,
  ): Promise<string> {
    const proposalDigest = names === 'this' ? digest : OTHER_DIGEST
    const about = {
      gate,
      proposalDigest,
      decision,
      person: who,
      iat: Math.floor(Date.now() / 1_000),
      jti: `${gate}-${number}`,
    }
    return signClaims({ ...about, ...(targets ? { targets } : {}) }, keyOf(signer, who))
  }

  async function look(grounds: 'fresh' | 'old'): Promise<string> {
    const before = lastLook
    looks += 1
    const data = { round: 1, holds: true, because: '', targets: [...TARGETS], skipped: {} }
    const [stored] = await recordEvents(world.engine, incident, [
      { place: `r1/recheck${looks}`, actor: 'engine', kind: 'recheck', data },
    ])
    lastLook = stored!.at
    return grounds === 'fresh' ? lastLook : before
  }

  /** Who has all rights on the engine's database. */
  const byHand = (text: string, values: unknown[] = []) => world.superuser.query(text, [gate, ...values])

  async function perform(operation: Operation, number: number): Promise<boolean | undefined> {
    switch (operation.do) {
      case 'decide':
        deciding = number
        came = [number]
        await refusable(say(operation.answer))
        return undefined
      case 'token': {
        const token = await tokenOf(operation.answer, operation.signer, number)
        heard.push({ number, token })
        came = [number]
        await (operation.by === 'signal' ? resolveWith([token]) : refusable(byToken(token)))
        return undefined
      }
      case 'replay': {
        const again = heard[operation.which % heard.length]
        if (!again) return undefined
        came = [again.number]
        await refusable(byToken(again.token))
        return undefined
      }
      case 'reset':
        came = heard.map((one) => one.number)
        await resolveWith(heard.map((one) => one.token))
        return undefined
      case 'withdraw':
        await refusable(
          withdraw({ database: world.engine, wakeWorkflow: async () => {} }, personOf(operation.who, []), { gate }),
        )
        return undefined
      case 'people':
        change(people, operation)
        return undefined
      case 'expire':
        await byHand(
          `UPDATE runbook.gates SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1 AND state = 'open'`,
        )
        return undefined
      case 'age':
        await byHand(
          `UPDATE runbook.gates SET decided_at = decided_at - interval '1 hour' WHERE id = $1 AND state = 'approved'`,
        )
        return undefined
      case 'resolve':
        await resolveGateRow(world.engine, gate)
        return undefined
      case 'cancel':
        await byHand(
          `UPDATE runbook.incidents i SET cancelled_at = clock_timestamp(), cancelled_by = 'lead' FROM runbook.gates g
           WHERE g.id = $1 AND i.id = g.incident AND i.cancelled_at IS NULL`,
        )
        return undefined
      case 'permit': {
        const rules = { keyring, people, isAutoApproved: () => false }
        const recheckedAt = await look(operation.grounds)
        const answer = await takePermit(world.engine, rules, {
          gate,
          target: operation.target,
          recheckedAt,
          leaseMs: 60_000,
        })
        return answer.granted
      }
      case 'plant': {
        const answer: Answer = { who: operation.who, decision: 'approve', targets: null, digest: 'this' }
        await byHand(
          `INSERT INTO runbook.decisions (jti, gate, person, decision, proposal_digest, next_cause, token)
           VALUES ($2, $1, $3, 'approve', $4, false, $5) ON CONFLICT DO NOTHING`,
          [`${gate}-${number}`, operation.who, digest, await tokenOf(answer, 'unknown', number)],
        )
        return undefined
      }
      case 'force':
        await byHand(
          `UPDATE runbook.gates SET state = 'approved', decided_at = clock_timestamp(), approved_targets = $2
           WHERE id = $1 AND state = 'open'`,
          [[...TARGETS]],
        )
        return undefined
    }
  }

  return {
    async perform(operation, number) {
      came = []
      const granted = await perform(operation, number)
      const { rows } = await world.engine.query<{ state: Seen['state']; live: Answer[] }>(
        `SELECT state, coalesce((SELECT jsonb_agg(jsonb_build_object('who', person, 'decision', decision, 'targets', targets))
           FROM runbook.decisions WHERE gate = g.id AND withdrawn_at IS NULL), '[]') AS live FROM runbook.gates g WHERE id = $1`,
        [gate],
      )
      const { state, live } = rows[0]!
      return { state, live: live.map(shown).sort(), came, ...(granted === undefined ? {} : { granted }) }
    },
  }
}

function personOf(name: Name, groups: string[]): People[string] {
  const key = KEYS.get(name)
  return { name, groups: [...groups], keys: key ? [publicKeyOf(key)] : [] }
}

function change(people: People, { who, change: what }: Extract<Operation, { do: 'people' }>): void {
  if (who === 'stranger') return
  if (what === 'removed') delete people[who]
  else people[who] = personOf(who, what === 'leaves' ? [] : GROUPS[who])
}

function keyOf(signer: Signer, who: Name): string {
  if (signer === 'engine') return ENGINE
  if (signer === 'former') return FORMER
  if (signer === 'own') return KEYS.get(who) ?? UNKNOWN
  return signer === 'another' ? [...KEYS].find(([name]) => name !== who)![1] : UNKNOWN
}

/** A refusal is an answer like any other; every other error is not. */
async function refusable(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isRunbookError(error) || error.code === 'RUNBOOK_UNREACHABLE') throw error
  })
}
