import { canonical } from '../../core/canonical.ts'
import { isJsonObject, type Json } from '../../core/json.ts'
import type { Span } from '../../language/parse/source.ts'
import type { Expectation, Expected, ProposalExpectation, RoundExpectation } from '../../language/scenarios/scenario.ts'
import type { ProposalDraft } from '../host.ts'
import type { Simulated } from '../simulator.ts'
import { roundsOf, type RoundResult } from './round-results.ts'

/** Something came otherwise than a scenario expects. */
export interface Mismatch {
  /** `round 1, cause queue-paused` */
  what: string
  expected: string
  came: string
  /** Where it stands in the file. */
  at: Span
}

/** All that came otherwise than expected. */
export function compare(expect: Expectation, run: Simulated): Mismatch[] {
  const rounds = roundsOf(run)
  const { outcome, reason } = run.closing
  const told = run.escalations.map((one) => one.message).join('\n')
  return [
    ...expect.each.flatMap((each, i) => compareRound(each, rounds[i], i + 1)),
    ...same('rounds', expect.rounds, rounds.length),
    ...containing('the message', expect.message, told),
    ...same('outcome', expect.outcome, outcome, `${outcome} (${reason})`),
    ...containing('the reason', expect.reason, reason),
  ]
}

function compareRound(expect: RoundExpectation, went: RoundResult | undefined, number: number): Mismatch[] {
  const name = `round ${number}`
  if (!went) {
    const at = anything(expect)
    return at ? [{ what: name, expected: 'a round', came: 'the incident had ended', at }] : []
  }
  const { findings, draft, effects, verified } = went
  const causes = expect.causes.flatMap((one) => {
    const finding = findings.find(({ cause }) => cause === one.cause)
    const came = finding ? `${holdsText(finding.holds)} (${finding.because})` : 'the symptom was gone before'
    return same(`${name}, cause ${one.cause}`, { ...one, shown: holdsText(one.value) }, finding?.holds, came)
  })
  return [
    ...causes,
    ...same(`${name}, the cause that is treated`, expect.cause, draft?.cause ?? null, draft?.cause ?? 'none'),
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

function anything({ causes, cause, because, proposal, effects, verified }: RoundExpectation): Span | undefined {
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
  if (value === null) return draft ? [{ what, expected: 'none', came: draft.remedy, at }] : []
  if (!draft) return [{ what, expected: value.remedy.value, came: 'nothing was proposed', at }]
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
      const came = alike.map((one) => canonical(one.with)).join('; ') || 'no such action'
      return [{ what: `${what}, ${name}`, expected: `with ${canonical(action.with)}`, came, at: action.at }]
    }),
  ]
}

/** Whether an object has these fields with these values, at any depth; what else it has does not matter. */
function covers(value: Json, wanted: Json): boolean {
  if (!isJsonObject(wanted) || !isJsonObject(value)) return canonical(value) === canonical(wanted)
  return Object.entries(wanted).every(([name, one]) => Object.hasOwn(value, name) && covers(value[name]!, one))
}

function same<T extends Json>(
  what: string,
  expected: (Expected<T> & { shown?: string }) | undefined,
  came: Json | undefined,
  shown?: string,
): Mismatch[] {
  if (!expected) return []
  if (came !== undefined && canonical(came) === canonical(expected.value)) return []
  const text = (value: Json) => (typeof value === 'string' ? value : value === null ? 'none' : canonical(value))
  return [
    {
      what,
      expected: expected.shown ?? text(expected.value),
      came: shown ?? (came === undefined ? 'nothing' : text(came)),
      at: expected.at,
    },
  ]
}

function containing(what: string, expected: Expected<string> | undefined, came: string): Mismatch[] {
  if (!expected || came.includes(expected.value)) return []
  return [{ what, expected: `… ${expected.value} …`, came: came || 'nothing', at: expected.at }]
}
