import { canonical } from '../../core/canonical.ts'
import { isJsonObject, type Json } from '../../core/json.ts'
import type { Span } from '../../language/parse/source.ts'
import type { Expectation, Expected, ProposalExpectation, RoundExpectation } from '../../language/scenarios/scenario.ts'
import type { ProposalDraft } from '../host.ts'
import type { Simulated } from '../simulator.ts'
import { roundsOf, type RoundResult } from './round-results.ts'

/** One difference between a scenario's expectation and its run. */
export interface Mismatch {
  /** What differs, such as `round 1, cause queue-paused`. */
  what: string
  expected: string
  actual: string
  /** The place of the expectation in the file. */
  at: Span
}

/** All differences between the expectation and the run. */
export function compare(expect: Expectation, run: Simulated): Mismatch[] {
  const rounds = roundsOf(run)
  const { outcome, reason } = run.closing
  const messages = run.escalations.map((one) => one.message).join('\n')
  return [
    ...expect.each.flatMap((each, i) => compareRound(each, rounds[i], i + 1)),
    ...same('rounds', expect.rounds, rounds.length),
    ...containing('the message', expect.message, messages),
    ...same('outcome', expect.outcome, outcome, `${outcome} (${reason})`),
    ...containing('the reason', expect.reason, reason),
  ]
}

function compareRound(expect: RoundExpectation, result: RoundResult | undefined, number: number): Mismatch[] {
  const name = `round ${number}`
  if (!result) {
    const at = firstExpectation(expect)
    return at ? [{ what: name, expected: 'a round', actual: 'the incident had ended', at }] : []
  }
  const { findings, draft, effects, verified } = result
  const causes = expect.causes.flatMap((one) => {
    const finding = findings.find(({ cause }) => cause === one.cause)
    const actual = finding ? `${holdsText(finding.holds)} (${finding.because})` : 'not evaluated: the symptom was gone'
    return same(`${name}, cause ${one.cause}`, { ...one, shown: holdsText(one.value) }, finding?.holds, actual)
  })
  return [
    ...causes,
    ...same(`${name}, the chosen cause`, expect.cause, draft?.cause ?? null, draft?.cause ?? 'none'),
    ...containing(`${name}, because`, expect.because, draft?.because ?? 'nothing was proposed'),
    ...compareProposal(`${name}, the proposal`, expect.proposal, draft),
    ...same(`${name}, effects`, expect.effects, effects),
    ...same(
      `${name}, verified`,
      expect.verified,
      verified,
      verified === undefined ? 'nothing was verified' : undefined,
    ),
  ]
}

function firstExpectation({ causes, cause, because, proposal, effects, verified }: RoundExpectation): Span | undefined {
  return [...causes, cause, because, proposal, effects, verified].find((one) => one !== undefined)?.at
}

function holdsText(holds: true | false | 'undetermined'): string {
  return holds === true ? 'holds' : holds === false ? 'does not hold' : 'undetermined'
}

function compareProposal(
  what: string,
  expected: Expected<ProposalExpectation | null> | undefined,
  draft: ProposalDraft | undefined,
): Mismatch[] {
  if (!expected) return []
  const { value, at } = expected
  if (value === null) return draft ? [{ what, expected: 'none', actual: draft.remedy, at }] : []
  if (!draft) return [{ what, expected: value.remedy.value, actual: 'nothing was proposed', at }]
  return [
    ...same(what, value.remedy, draft.remedy),
    ...same(
      `${what}, targets`,
      value.targets,
      draft.targets.map(({ key }) => key),
    ),
    ...same(`${what}, affected`, value.affected, draft.affected),
    ...value.actions.flatMap((action) => {
      const name = `${action.action}${action.target === undefined ? '' : ` on ${action.target}`}`
      const alike = draft.actions.filter(
        (one) => one.kind === action.action && (action.target === undefined || one.target === action.target),
      )
      if (alike.some((one) => covers(one.with, action.with))) return []
      const actual = alike.map((one) => canonical(one.with)).join('; ') || 'no such action'
      return [{ what: `${what}, ${name}`, expected: `with ${canonical(action.with)}`, actual, at: action.at }]
    }),
  ]
}

/** Whether a value has the wanted fields with the wanted values, at any depth. Other fields are ignored. */
function covers(value: Json, wanted: Json): boolean {
  if (!isJsonObject(wanted) || !isJsonObject(value)) return canonical(value) === canonical(wanted)
  return Object.entries(wanted).every(([name, one]) => Object.hasOwn(value, name) && covers(value[name]!, one))
}

function same<T extends Json>(
  what: string,
  expected: (Expected<T> & { shown?: string }) | undefined,
  actual: Json | undefined,
  shown?: string,
): Mismatch[] {
  if (!expected) return []
  if (actual !== undefined && canonical(actual) === canonical(expected.value)) return []
  const text = (value: Json) => (typeof value === 'string' ? value : value === null ? 'none' : canonical(value))
  return [
    {
      what,
      expected: expected.shown ?? text(expected.value),
      actual: shown ?? (actual === undefined ? 'nothing' : text(actual)),
      at: expected.at,
    },
  ]
}

function containing(what: string, expected: Expected<string> | undefined, actual: string): Mismatch[] {
  if (!expected || actual.includes(expected.value)) return []
  return [{ what, expected: `… ${expected.value} …`, actual: actual || 'nothing', at: expected.at }]
}
