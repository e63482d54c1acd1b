import { defined } from '../../src/core/defined.ts'
import type { GateState } from '../../src/core/decision.ts'
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

/** The rules that prevent an effect without a quorum. A test disables each rule and checks that a violation is found. */
export const GUARDS = [
  'a token must be signed with a known key',
  'a person who decides must be in the configuration',
  'a person who decides must be in a group of the gate',
  'the requester must not approve if the gate excludes it',
  'an approval must satisfy the policy in force',
  'only an open gate accepts decisions',
  'a decision must name the digest of this proposal',
  'a decision must arrive before the deadline',
  'a cancelled incident accepts no decisions',
  'a token counts once',
  'each person has one decision',
  'a permit needs an approved gate',
  'a permit needs a quorum for its target',
  'a permit does not count withdrawn decisions',
  'a permit verifies the signatures again',
  'a permit counts only people who may still decide',
  'a permit is refused after the incident was cancelled',
  'a permit is refused on a lapsed approval',
  'a permit needs a fresh re-check',
] as const
export type Guard = (typeof GUARDS)[number]

/** A decision with its signer. It can be submitted more than once. */
export interface Token extends DecisionRequest {
  /** Number of the operation that created the token. */
  number: number
  signer: Signer
}

/** A stored decision. */
interface Row {
  token: Token
  /** False after a withdrawal. */
  live: boolean
  forged: boolean
}

/** The visible state after an operation, for the model and for the real gate. */
export interface Observation {
  state: GateState
  /** The decisions that are not withdrawn, as `person decision targets`, sorted. */
  live: string[]
  /** Whether a permit was granted; only for operations that request one. */
  granted?: boolean
  /** The tokens that this operation submitted, in order, as numbers of the operations that created them. */
  receivedTokens: number[]
}

/** A model of a gate without a database. The real gate must behave in the same way. */
export interface GateModel {
  /** Performs one operation and returns the visible state. */
  perform(operation: Operation, number: number): Observation
}

export function openGateModel(settings: GateSettings, disabled: readonly Guard[] = []): GateModel {
  const isEnabled = (guard: Guard) => !disabled.includes(guard)
  const groups = new Map<PersonName, string[]>(Object.entries(GROUPS) as [PersonName, string[]][])
  const rows: Row[] = []
  const tokens: Token[] = []
  let receivedTokens: number[] = []
  const permits = new Set<string>()
  let state: GateState = 'open'
  let escalated = false
  let isLate = false
  let isAged = false
  let cancelled = false
  let isSignedDemanded = false

  function mayDecide({ person, decision, signer }: Token): boolean {
    if (isSignedDemanded && decision === 'approve' && signer !== 'own')
      if (isEnabled('an approval must satisfy the policy in force')) return false
    const ownGroups = groups.get(person)
    if (!ownGroups && isEnabled('a person who decides must be in the configuration')) return false
    const deciding = escalated ? ['oncall', 'platform'] : ['oncall']
    if (
      isEnabled('a person who decides must be in a group of the gate') &&
      !(ownGroups ?? deciding).some((group) => deciding.includes(group))
    )
      return false
    const isRequesterExcluded = settings.excludeRequester && person === 'requester' && decision === 'approve'
    return !(isRequesterExcluded && isEnabled('the requester must not approve if the gate excludes it'))
  }

  function isSigned({ person, signer }: Token): boolean {
    if (signer === 'engine' || signer === 'former') return true
    return signer === 'own' && WITH_KEYS.includes(person) && groups.has(person)
  }

  function submit(token: Token, byApi = false): void {
    receivedTokens.push(token.number)
    if (isEnabled('a token must be signed with a known key') && !isSigned(token)) return
    const mayRepeat = byApi || state !== 'open'
    const isRepeated = (row: Row) =>
      (row.token === token && isEnabled('a token counts once')) ||
      (mayRepeat && row.live && equalDecisions(row.token, token))
    if (rows.some(isRepeated)) return
    if (!mayDecide(token)) return
    if (state !== 'open' && isEnabled('only an open gate accepts decisions')) return
    if (cancelled && isEnabled('a cancelled incident accepts no decisions')) return
    if (token.digest !== 'this' && isEnabled('a decision must name the digest of this proposal')) return
    if (isLate && isEnabled('a decision must arrive before the deadline')) return
    if (token.targets && (token.targets.length === 0 || token.targets.some((one) => !isProposed(one)))) return
    if (isEnabled('each person has one decision'))
      for (const row of rows) if (row.token.person === token.person) row.live = false
    rows.push({ token, live: true, forged: false })
    if (token.decision === 'reject') state = 'rejected'
    else if (approvedTargets(rows.filter((row) => row.live)).length > 0) approve()
  }

  function approve(): void {
    state = 'approved'
    isAged = false
  }

  /** The targets with enough approvals. */
  function approvedTargets(counted: Row[]): string[] {
    return TARGETS.filter((target) => {
      const approving = counted.filter(
        ({ token }) => token.decision === 'approve' && (token.targets?.includes(target) ?? true),
      )
      return new Set(approving.map(({ token }) => token.person)).size >= settings.required
    })
  }

  function resolve(): void {
    if ((state === 'open' || state === 'approved') && cancelled && permits.size === 0) state = 'cancelled'
    else if (state === 'open' && isLate) {
      if (settings.onTimeout === 'escalate' && !escalated) {
        escalated = true
        isLate = false
      } else state = 'expired'
    } else if (state === 'approved' && isAged && permits.size === 0) state = 'lapsed'
  }

  function withdraw(person: PersonName): void {
    const row = rows.find((one) => one.live && one.token.person === person)
    if (!row || (state !== 'open' && state !== 'approved') || permits.size > 0) return
    row.live = false
    if (state === 'approved' && approvedTargets(rows.filter((one) => one.live)).length === 0) state = 'withdrawn'
  }

  function requestPermit(target: string, recheck: 'fresh' | 'stale'): boolean {
    if (!permits.has(target)) {
      if (cancelled && isEnabled('a permit is refused after the incident was cancelled')) return false
      if (state !== 'approved' && isEnabled('a permit needs an approved gate')) return false
      if (isAged && permits.size === 0 && isEnabled('a permit is refused on a lapsed approval')) return false
    }
    if (recheck === 'stale' && isEnabled('a permit needs a fresh re-check')) return false
    const counted = rows.filter(
      ({ token, live, forged }) =>
        (live || !isEnabled('a permit does not count withdrawn decisions')) &&
        ((!forged && isSigned(token)) || !isEnabled('a permit verifies the signatures again')) &&
        (mayDecide(token) || !isEnabled('a permit counts only people who may still decide')) &&
        (token.digest === 'this' || !isEnabled('a decision must name the digest of this proposal')),
    )
    const isCovered = approvedTargets(counted).includes(target)
    if (!isProposed(target) || (isEnabled('a permit needs a quorum for its target') && !isCovered)) return false
    permits.add(target)
    return true
  }

  function receiveToken(token: Token): void {
    tokens.push(token)
    submit(token)
  }

  function perform(operation: Operation, number: number): boolean | undefined {
    switch (operation.do) {
      case 'decide': {
        const token: Token = { ...operation.request, number, signer: 'engine' }
        const rowsBefore = rows.length
        submit(token, true)
        // The API creates a token only for an accepted decision.
        if (rows.length > rowsBefore) tokens.push(token)
        return undefined
      }
      case 'token':
        receiveToken({ ...operation.request, number, signer: operation.signer })
        if (operation.by === 'signal') resolve()
        return undefined
      case 'replay':
        if (tokens.length > 0) submit(tokens[operation.which % tokens.length]!)
        return undefined
      case 'reset':
        for (const token of [...tokens]) submit(token)
        resolve()
        return undefined
      case 'withdraw':
        withdraw(operation.person)
        return undefined
      case 'people':
        changePeople(groups, operation)
        return undefined
      case 'policy':
        isSignedDemanded = operation.signed
        return undefined
      case 'expire':
        isLate ||= state === 'open'
        return undefined
      case 'age':
        isAged ||= state === 'approved'
        return undefined
      case 'resolve':
        resolve()
        return undefined
      case 'cancel':
        cancelled = true
        return undefined
      case 'permit':
        return requestPermit(operation.target, operation.recheck)
      case 'forge': {
        const request: DecisionRequest = {
          person: operation.person,
          decision: 'approve',
          targets: null,
          digest: 'this',
        }
        // The table itself allows one decision per person that is not withdrawn.
        if (!rows.some((row) => row.live && row.token.person === operation.person))
          rows.push({ token: { ...request, number, signer: 'unknown' }, live: true, forged: true })
        return undefined
      }
      case 'force':
        if (state === 'open') approve()
        return undefined
    }
  }

  return {
    perform(operation, number) {
      receivedTokens = []
      const granted = perform(operation, number)
      const live = rows.filter((row) => row.live).map(({ token }) => formatDecision(token))
      return defined({ state, live: live.sort(), receivedTokens, granted })
    },
  }
}

export function changePeople(
  groups: Map<PersonName, string[]>,
  { person, change }: Extract<Operation, { do: 'people' }>,
): void {
  if (person === 'stranger') return
  if (change === 'removed') groups.delete(person)
  else groups.set(person, change === 'leaves' ? [] : GROUPS[person])
}

export function isProposed(target: string): boolean {
  return (TARGETS as readonly string[]).includes(target)
}

export function formatDecision({ person, decision, targets }: DecisionRequest): string {
  return `${person} ${decision} ${targets ? [...targets].sort().join() : 'all'}`
}

function equalDecisions(one: DecisionRequest, other: DecisionRequest): boolean {
  return formatDecision(one) === formatDecision(other) && one.digest === other.digest
}
