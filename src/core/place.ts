import { GATE_STATES, type GateState } from './decision.ts'

/**
 * The place in an incident where something was recorded. Its text, such as `r1/check/jobs`, is unique within the incident: only the first
 * event or evidence that is stored at a place is kept. Check names and action ids contain no `/`; target keys and connection names may
 * contain any character and are therefore always last.
 */
export type Place =
  | { kind: 'opened' | 'acknowledged' | 'cancel' | 'closed' }
  | CheckPlace
  | { kind: 'recheck'; round: number; number: number }
  /** The pause before the diagnosis runs again. */
  | { kind: 'again'; round: number; look: number }
  | { kind: RoundKind; round: number }
  | { kind: 'denied'; round: number; tokenDigest: string }
  | { kind: 'decision' | 'withdrawal'; round: number; jti: string }
  | { kind: 'gate-state'; round: number; state: GateState | 'escalated' }
  | { kind: 'reminder'; round: number; escalated: boolean }
  | { kind: 'permit'; round: number; target: string }
  | { kind: 'effect' | 'settled' | 'unexpected' | 'manual'; round: number; action: string; target: string }
  | { kind: 'waiting'; round: number; action: string }
  | { kind: 'breaker'; round: number; connection: string }

/**
 * The kinds of events that occur at most once in a round. `gate-unanswered` means that nobody decided in time and more people were
 * notified.
 */
type RoundKind = 'findings' | 'proposal' | 'gate-unanswered' | 'broken-glass' | 'stopped' | 'verified' | 'escalation'

/** The evidence of one check. */
export interface CheckPlace {
  kind: 'check'
  stage: CheckStage
  check: string
}

/**
 * When checks run: at the start of a round, again if no known cause holds there (`look`: the number of the look, from 2 on), after the decision, while an action waits, to
 * verify, and after a verified remedy.
 */
export type CheckStage =
  | { at: 'diagnose'; round: number; look?: number }
  | { at: 'verify' | 'after'; round: number }
  | { at: 'recheck'; round: number; number: number }
  | { at: 'wait'; round: number; action: string }

/** Returns the text of a place, as it is stored. */
export function formatPlace(place: Place): string {
  switch (place.kind) {
    case 'opened':
    case 'acknowledged':
    case 'cancel':
    case 'closed':
      return place.kind
    case 'check':
      return checkPlace(formatStage(place.stage), place.check)
    case 'recheck':
      return formatStage({ at: 'recheck', round: place.round, number: place.number })
    default:
      return `r${place.round}/${formatInRound(place)}`
  }
}

type InRound = Exclude<Place, { kind: 'opened' | 'acknowledged' | 'cancel' | 'closed' | 'check' | 'recheck' }>

function formatInRound(place: InRound): string {
  switch (place.kind) {
    case 'gate-unanswered':
      return 'gate'
    case 'gate-state':
      return `gate/${place.state}`
    case 'reminder':
      return place.escalated ? 'gate/reminder2' : 'gate/reminder'
    case 'verified':
      return 'verify/verdict'
    case 'denied':
      return `denied/${place.tokenDigest}`
    case 'decision':
    case 'withdrawal':
      return `${place.kind}/${place.jti}`
    case 'permit':
      return `permit/${place.target}`
    case 'effect':
    case 'settled':
    case 'manual':
      return `${place.kind}/${place.action}/${place.target}`
    case 'unexpected':
      return `expect/${place.action}/${place.target}`
    case 'waiting':
      return `waiting/${place.action}`
    case 'again':
      return `again/${place.look}`
    case 'breaker':
      return `breaker/${place.connection}`
    default:
      return place.kind
  }
}

/** The part of a place that the checks of one stage have in common: `r1/check`, `r1/recheck2`, `r1/wait/0-sql.update`. */
export function formatStage(stage: CheckStage): string {
  switch (stage.at) {
    case 'diagnose':
      return stage.look === undefined ? `r${stage.round}/check` : `r${stage.round}/look${stage.look}`
    case 'recheck':
      return `${recheckPrefix(stage.round)}${stage.number}`
    case 'wait':
      return `r${stage.round}/wait/${stage.action}`
    default:
      return `r${stage.round}/${stage.at}`
  }
}

/** The place of one check's evidence, below the text of its stage. */
export function checkPlace(stage: string, check: string): string {
  return `${stage}/${check}`
}

/**
 * The beginning that the places of all re-checks of a round and of their evidence have in common. Queries select by it, and `parsePlace`
 * then distinguishes the places.
 */
export function recheckPrefix(round: number): string {
  return `r${round}/recheck`
}

/** The maximum number of rounds of any plan. */
const MAX_ROUNDS = 20

/**
 * The places of one kind in every round that a plan may have. Queries need this list, because they cannot parse places.
 */
export function placesInRounds(kind: RoundKind): string[] {
  return Array.from({ length: MAX_ROUNDS }, (_, i) => formatPlace({ kind, round: i + 1 }))
}

const IN_ROUND = /^r([1-9]\d*)\/([^/]+)(?:\/(.+))?$/s

/** The inverse of `formatPlace`. Undefined for a text that `formatPlace` never returns. */
export function parsePlace(text: string): Place | undefined {
  switch (text) {
    case 'opened':
    case 'acknowledged':
    case 'cancel':
    case 'closed':
      return { kind: text }
  }
  const [, digits, name, rest] = IN_ROUND.exec(text) ?? []
  if (digits === undefined || name === undefined) return undefined
  const round = Number(digits)
  return rest === undefined ? parseWithoutRest(round, name) : parseWithRest(round, name, rest)
}

/** The round to which a place belongs; undefined for a place outside of all rounds. */
export function roundOf(place: string): number | undefined {
  const digits = IN_ROUND.exec(place)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The check and its stage, if this is the place of a check's evidence. */
export function parseCheckPlace(text: string): CheckPlace | undefined {
  const place = parsePlace(text)
  return place?.kind === 'check' ? place : undefined
}

/** The inverse of `formatStage`. */
export function parseStage(text: string): CheckStage | undefined {
  return parseCheckPlace(checkPlace(text, '-'))?.stage
}

function parseWithoutRest(round: number, name: string): Place | undefined {
  switch (name) {
    case 'findings':
    case 'proposal':
    case 'broken-glass':
    case 'stopped':
    case 'escalation':
      return { kind: name, round }
    case 'gate':
      return { kind: 'gate-unanswered', round }
    default: {
      const number = recheckNumber(name)
      return number === undefined ? undefined : { kind: 'recheck', round, number }
    }
  }
}

function parseWithRest(round: number, name: string, rest: string): Place | undefined {
  switch (name) {
    case 'check':
      return evidenceAt({ at: 'diagnose', round }, rest)
    case 'after':
      return evidenceAt({ at: 'after', round }, rest)
    case 'verify':
      return rest === 'verdict' ? { kind: 'verified', round } : evidenceAt({ at: 'verify', round }, rest)
    case 'wait': {
      const { action, target: check } = splitAction(rest)
      return check === undefined ? undefined : evidenceAt({ at: 'wait', round, action }, check)
    }
    case 'gate':
      return parseGate(round, rest)
    case 'denied':
      return { kind: 'denied', round, tokenDigest: rest }
    case 'decision':
    case 'withdrawal':
      return { kind: name, round, jti: rest }
    case 'permit':
      return { kind: 'permit', round, target: rest }
    case 'effect':
    case 'settled':
    case 'manual':
    case 'expect': {
      const { action, target } = splitAction(rest)
      const kind = name === 'expect' ? 'unexpected' : name
      return target === undefined ? undefined : { kind, round, action, target }
    }
    case 'waiting':
      return rest.includes('/') ? undefined : { kind: 'waiting', round, action: rest }
    case 'again': {
      const look = lookNumber(rest)
      return look === undefined ? undefined : { kind: 'again', round, look }
    }
    case 'breaker':
      return { kind: 'breaker', round, connection: rest }
    default: {
      const number = recheckNumber(name)
      if (number !== undefined) return evidenceAt({ at: 'recheck', round, number }, rest)
      const look = name.startsWith('look') ? lookNumber(name.slice('look'.length)) : undefined
      return look === undefined ? undefined : evidenceAt({ at: 'diagnose', round, look }, rest)
    }
  }
}

/** The names of events of a gate: its states, and the event that it was escalated. */
const GATE_PLACES: readonly string[] = [...GATE_STATES, 'escalated']

function parseGate(round: number, rest: string): Place | undefined {
  if (rest === 'reminder' || rest === 'reminder2') return { kind: 'reminder', round, escalated: rest === 'reminder2' }
  return GATE_PLACES.includes(rest) ? { kind: 'gate-state', round, state: rest as GateState | 'escalated' } : undefined
}

function recheckNumber(name: string): number | undefined {
  const digits = /^recheck([1-9]\d*)$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function lookNumber(digits: string): number | undefined {
  return /^([2-9]|[1-9]\d+)$/.test(digits) ? Number(digits) : undefined
}

function evidenceAt(stage: CheckStage, check: string): CheckPlace | undefined {
  return check.includes('/') ? undefined : { kind: 'check', stage, check }
}

/** Splits `0-sql.update/run/7` into `0-sql.update` and `run/7`. */
function splitAction(rest: string): { action: string; target: string | undefined } {
  const slash = rest.indexOf('/')
  return slash < 1 || slash === rest.length - 1
    ? { action: rest, target: undefined }
    : { action: rest.slice(0, slash), target: rest.slice(slash + 1) }
}
