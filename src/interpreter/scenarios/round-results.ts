import { kindOfAction, worstOf, type EffectResult } from '../../core/effect.ts'
import type { Finding } from '../../core/incident.ts'
import { ALL_TARGETS } from '../../core/proposal.ts'
import { parseCheckPlace, roundOf } from '../../core/place.ts'
import type { ProposalDraft } from '../host.ts'
import type { Simulated } from '../simulator.ts'

/** The result of one round. */
export interface RoundResult {
  round: number
  /** The causes. Empty if the symptom was gone before the causes were evaluated. */
  findings: Finding[]
  draft: ProposalDraft | undefined
  /** The result for each target key. Targets that were proposed but not approved are absent. */
  effects: Record<string, EffectResult>
  /** For the keys among them that no write changed: whether only messages were sent, or a person did something. */
  withoutWrite: Record<string, 'message' | 'person'>
  /** Whether the verification succeeded. Absent if nothing was verified. */
  verified?: boolean
  /** Whether the remedy has no verification. `verified` is then true without a meaning. */
  unseen: boolean
}

/** A simulated incident, round by round. */
export function roundsOf(run: Simulated): RoundResult[] {
  const numbers = new Set(
    run.sampledPlaces.flatMap((place) => {
      const stage = parseCheckPlace(place)?.stage
      return stage?.at === 'diagnose' ? [stage.round] : []
    }),
  )
  return [...numbers].map((round) => {
    const draft = run.drafts.find((one) => one.round === round)
    const closing = run.closing.findings?.round === round ? run.closing.findings.findings : []
    const verdict = run.events.filter((event) => event.kind === 'verified').find(({ data }) => data.round === round)
    return {
      round,
      findings: draft?.findings ?? closing,
      draft,
      effects: effectsOf(run, round),
      withoutWrite: withoutWriteOf(run, round),
      unseen: verdict?.data.unseen === true,
      ...(verdict ? { verified: verdict.data.held } : {}),
    }
  })
}

function effectsOf(run: Simulated, round: number): Record<string, EffectResult> {
  const effects: Record<string, EffectResult> = {}
  for (const event of run.events)
    if (event.kind === 'recheck' && event.data.round === round)
      for (const target of Object.keys(event.data.skipped)) effects[target] = 'skipped'
  const own = run.effects.filter((effect) => effect.round === round)
  const unexpected = run.events
    .filter((event) => event.kind === 'unexpected')
    .filter(({ place }) => roundOf(place) === round)
  for (const { target } of own) {
    const results = own.filter((effect) => effect.target === target).map(({ result }) => result)
    if (unexpected.some(({ data }) => data.target === target)) results.push('refused')
    effects[target] = worstOf(results) ?? 'applied'
  }
  return effects
}

function withoutWriteOf(run: Simulated, round: number): Record<string, 'message' | 'person'> {
  const own = run.effects.filter((effect) => effect.round === round)
  const found: Record<string, 'message' | 'person'> = {}
  for (const target of new Set(own.map((effect) => effect.target))) {
    const kinds = own.filter((effect) => effect.target === target).map(({ action }) => kindOfAction(action))
    if (kinds.every((kind) => kind === 'notify')) found[target] = 'message'
    else if (kinds.every((kind) => kind === 'notify' || kind === 'manual')) found[target] = 'person'
  }
  return found
}

/** Describes the whole incident with one line for each round: `round 1: queue-paused → resume-queue for -, applied, verified`. */
export function summarizeRun(run: Simulated): string[] {
  const rounds = roundsOf(run).map((result) => `round ${result.round}: ${summarizeRound(result)}`)
  return [...rounds, `${run.closing.outcome}: ${run.closing.reason}`]
}

function summarizeRound({ findings, draft, effects, withoutWrite, verified, unseen }: RoundResult): string {
  const holding = findings.filter((one) => one.holds === true).map((one) => one.cause)
  const undetermined = findings.filter((one) => one.holds === 'undetermined').map((one) => `${one.cause} undetermined`)
  const found =
    [...holding, ...undetermined].join(', ') || (findings.length > 0 ? 'no cause holds' : 'the symptom is gone')
  if (!draft) return found
  const done = Object.entries(effects).map(([target, result]) => {
    const by = withoutWrite[target]
    if (by === undefined || result !== 'applied') return `${target} ${result}`
    const of = target === ALL_TARGETS ? '' : ` for ${target}`
    return by === 'message' ? `message${of} sent` : `done by a person${of}`
  })
  const end = verified === undefined ? [] : [unseen ? 'no verification' : verified ? 'verified' : 'not verified']
  return [`${found} → ${draft.remedy} for ${draft.targets.map(({ key }) => key).join(', ')}`, ...done, ...end].join(
    '; ',
  )
}
