import type { GateState } from '../../src/core/decision.ts'
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

/** What keeps an effect from being without a quorum. A test takes each away and finds the hole. */
export const GUARDS = [
  'a token is signed by a key that is known',
  'whoever decides is configured',
  'whoever decides is in a group of the gate',
  'the requester does not approve where that is excluded',
  'only an open gate is decided',
  'an answer names the digest of this proposal',
  'an answer comes in time',
  'nothing is decided that was cancelled',
  'a token counts once',
  'a person has one voice',
  'a permit needs an approved gate',
  'a permit needs a quorum for its target',
  'a permit counts only what was not taken back',
  'a permit verifies signatures itself',
  'a permit counts only whoever may still decide',
  'a permit is not taken after the incident was cancelled',
  'a permit is not taken on an approval that has lapsed',
  'a permit needs fresh grounds',
] as const
export type Guard = (typeof GUARDS)[number]

/** What was said once: a token that can come again. */
export interface Said extends Answer {
  number: number
  signer: Signer
}

interface Row {
  said: Said
  live: boolean
  planted: boolean
}

/** What can be seen from outside after an operation, of the model as of the real thing. */
export interface Seen {
  state: GateState
  /** `who decision targets`, sorted: those that were not taken back. */
  live: string[]
  /** Of this operation, where it asked for a permit. */
  granted?: boolean
  /** The tokens that this operation brought, in their order, by the numbers of the operations that made them. */
  came: number[]
}

/** A gate without a database: what the real one should do. */
export interface GateModel {
  /** Answers what is seen then. The numbers of tokens are those of the operations that made them. */
  perform(operation: Operation, number: number): Seen
}

export function openGateModel(setting: Setting, without: readonly Guard[] = []): GateModel {
  const has = (guard: Guard) => !without.includes(guard)
  const groups = new Map<Name, string[]>(Object.entries(GROUPS) as [Name, string[]][])
  const rows: Row[] = []
  const heard: Said[] = []
  let came: number[] = []
  const permits = new Set<string>()
  let state: GateState = 'open'
  let escalated = false
  let isLate = false
  let isAged = false
  let cancelled = false

  function mayDecide({ who, decision }: Answer): boolean {
    const own = groups.get(who)
    if (!own && has('whoever decides is configured')) return false
    const deciding = escalated ? ['oncall', 'platform'] : ['oncall']
    if (
      has('whoever decides is in a group of the gate') &&
      !(own ?? deciding).some((group) => deciding.includes(group))
    )
      return false
    const isExcluded = setting.excludeRequester && who === 'requester' && decision === 'approve'
    return !(isExcluded && has('the requester does not approve where that is excluded'))
  }

  function isSigned({ who, signer }: Said): boolean {
    if (signer === 'engine' || signer === 'former') return true
    return signer === 'own' && WITH_KEYS.includes(who) && groups.has(who)
  }

  function take(said: Said, isOurs = false): void {
    came.push(said.number)
    if (has('a token is signed by a key that is known') && !isSigned(said)) return
    const mayRepeat = isOurs || state !== 'open'
    const isKnown = (row: Row) =>
      (row.said === said && has('a token counts once')) || (mayRepeat && row.live && sameAnswer(row.said, said))
    if (rows.some(isKnown)) return
    if (!mayDecide(said)) return
    if (state !== 'open' && has('only an open gate is decided')) return
    if (cancelled && has('nothing is decided that was cancelled')) return
    if (said.digest !== 'this' && has('an answer names the digest of this proposal')) return
    if (isLate && has('an answer comes in time')) return
    if (said.targets && (said.targets.length === 0 || said.targets.some((one) => !isProposed(one)))) return
    if (has('a person has one voice')) for (const row of rows) if (row.said.who === said.who) row.live = false
    rows.push({ said, live: true, planted: false })
    if (said.decision === 'reject') state = 'rejected'
    else if (covered(rows.filter((row) => row.live)).length > 0) approve()
  }

  function approve(): void {
    state = 'approved'
    isAged = false
  }

  /** Targets that enough people approve. */
  function covered(counted: Row[]): string[] {
    return TARGETS.filter((target) => {
      const approving = counted.filter(
        ({ said }) => said.decision === 'approve' && (said.targets?.includes(target) ?? true),
      )
      return new Set(approving.map(({ said }) => said.who)).size >= setting.required
    })
  }

  function settle(): void {
    if ((state === 'open' || state === 'approved') && cancelled && permits.size === 0) state = 'cancelled'
    else if (state === 'open' && isLate) {
      if (setting.onTimeout === 'escalate' && !escalated) {
        escalated = true
        isLate = false
      } else state = 'expired'
    } else if (state === 'approved' && isAged && permits.size === 0) state = 'lapsed'
  }

  function withdraw(who: Name): void {
    const own = rows.find((row) => row.live && row.said.who === who)
    if (!own || (state !== 'open' && state !== 'approved') || permits.size > 0) return
    own.live = false
    if (state === 'approved' && covered(rows.filter((row) => row.live)).length === 0) state = 'withdrawn'
  }

  function permit(target: string, grounds: 'fresh' | 'old'): boolean {
    if (!permits.has(target)) {
      if (cancelled && has('a permit is not taken after the incident was cancelled')) return false
      if (state !== 'approved' && has('a permit needs an approved gate')) return false
      if (isAged && permits.size === 0 && has('a permit is not taken on an approval that has lapsed')) return false
    }
    if (grounds === 'old' && has('a permit needs fresh grounds')) return false
    const counted = rows.filter(
      ({ said, live, planted }) =>
        (live || !has('a permit counts only what was not taken back')) &&
        ((!planted && isSigned(said)) || !has('a permit verifies signatures itself')) &&
        (mayDecide(said) || !has('a permit counts only whoever may still decide')) &&
        (said.digest === 'this' || !has('an answer names the digest of this proposal')),
    )
    const isCovered = covered(counted).includes(target)
    if (!isProposed(target) || (has('a permit needs a quorum for its target') && !isCovered)) return false
    permits.add(target)
    return true
  }

  function hear(said: Said): void {
    heard.push(said)
    take(said)
  }

  function perform(operation: Operation, number: number): boolean | undefined {
    switch (operation.do) {
      case 'decide': {
        const said: Said = { ...operation.answer, number, signer: 'engine' }
        const before = rows.length
        take(said, true)
        // The API keeps a token of what was taken only.
        if (rows.length > before) heard.push(said)
        return undefined
      }
      case 'token':
        hear({ ...operation.answer, number, signer: operation.signer })
        if (operation.by === 'signal') settle()
        return undefined
      case 'replay':
        if (heard.length > 0) take(heard[operation.which % heard.length]!)
        return undefined
      case 'reset':
        for (const said of [...heard]) take(said)
        settle()
        return undefined
      case 'withdraw':
        withdraw(operation.who)
        return undefined
      case 'people':
        changePeople(groups, operation)
        return undefined
      case 'expire':
        isLate ||= state === 'open'
        return undefined
      case 'age':
        isAged ||= state === 'approved'
        return undefined
      case 'resolve':
        settle()
        return undefined
      case 'cancel':
        cancelled = true
        return undefined
      case 'permit':
        return permit(operation.target, operation.grounds)
      case 'plant': {
        const answer: Answer = { who: operation.who, decision: 'approve', targets: null, digest: 'this' }
        // The table itself holds one live answer of each person.
        if (!rows.some((row) => row.live && row.said.who === operation.who))
          rows.push({ said: { ...answer, number, signer: 'unknown' }, live: true, planted: true })
        return undefined
      }
      case 'force':
        if (state === 'open') approve()
        return undefined
    }
  }

  return {
    perform(operation, number) {
      came = []
      const granted = perform(operation, number)
      const live = rows.filter((row) => row.live).map(({ said }) => shown(said))
      return { state, live: live.sort(), came, ...(granted === undefined ? {} : { granted }) }
    },
  }
}

export function changePeople(groups: Map<Name, string[]>, { who, change }: Extract<Operation, { do: 'people' }>): void {
  if (who === 'stranger') return
  if (change === 'removed') groups.delete(who)
  else groups.set(who, change === 'leaves' ? [] : GROUPS[who])
}

export function isProposed(target: string): boolean {
  return (TARGETS as readonly string[]).includes(target)
}

export function shown({ who, decision, targets }: Answer): string {
  return `${who} ${decision} ${targets ? [...targets].sort().join() : 'all'}`
}

function sameAnswer(one: Answer, other: Answer): boolean {
  return shown(one) === shown(other) && one.digest === other.digest
}
