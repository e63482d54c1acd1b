import { kindOfAction, type EffectResult } from './effect.ts'
import type { Outcome } from './incident.ts'

/** What the remedy of one round did. The numbers count targets; an action that is done once for all targets counts as one target. */
export interface RemedyDone {
  remedy: string
  applied: number
  refused: number
  unknown: number
  /** Whether the condition of the verification held; null if the remedy was not verified. */
  verified: boolean | null
  /** Whether the remedy has no verification, so that `verified` has no meaning. */
  unseen: boolean
  /** Whether a person does all actions of the remedy. */
  manual: boolean
}

/** An effect, with its remedy and its round. */
export interface RemedyEffect {
  round: number
  remedy: string
  /** The action's id, such as `0-sql.update`. */
  action: string
  target: string
  result: EffectResult
}

export interface Verdict {
  round: number
  held: boolean
  unseen?: true | undefined
}

/** What the remedies did, by round. Messages to people are left out. */
export function remediesDone(effects: readonly RemedyEffect[], verdicts: readonly Verdict[]): RemedyDone[] {
  const counted = effects.filter(({ action }) => kindOfAction(action) !== 'notify')
  const rounds = [...new Set(counted.map(({ round }) => round))].toSorted((a, b) => a - b)
  return rounds.map((round) => {
    const own = counted.filter((effect) => effect.round === round)
    const targetsWith = (result: EffectResult) =>
      new Set(own.filter((effect) => effect.result === result).map(({ target }) => target))
    const applied = targetsWith('applied')
    const verdict = verdicts.find((one) => one.round === round)
    return {
      remedy: own[0]!.remedy,
      applied: applied.size,
      refused: [...targetsWith('refused')].filter((target) => !applied.has(target)).length,
      unknown: targetsWith('unknown').size,
      verified: verdict?.held ?? null,
      unseen: verdict?.unseen === true,
      manual: own.every(({ action }) => kindOfAction(action) === 'manual'),
    }
  })
}

/** Outcomes whose reason already says that there was nothing to apply. */
const NEVER_APPLY: readonly Outcome[] = ['no-action', 'handed-off']

/**
 * The sentence that an incident closes with: why it ends, and what was done before. Both come from the history, so the sentence claims
 * neither more nor less than the recorded effects and verifications.
 */
export function closingSentence(outcome: Outcome, reason: string, rounds: readonly RemedyDone[]): string {
  const why = reason.replace(/\.$/, '')
  const done = withCounts(rounds.filter(({ applied, unknown }) => applied > 0 || unknown > 0).map(doneText))
  if (outcome === 'resolved' && done.length > 0) return `${done.join('; then ')}; ${why}`
  if (done.length > 0) return `${why}. What was done: ${done.join('; then ')}${unclear(outcome, rounds)}`
  const refused = rounds
    .filter((one) => one.refused > 0)
    .map((one) => `${one.remedy} was refused for ${targetsText(one.refused)}`)
  if (refused.length > 0) return `${why}. Nothing was applied: ${refused.join('; then ')}`
  return NEVER_APPLY.includes(outcome) ? reason : `${why}. Nothing was applied`
}

/** Equal texts that follow each other as one text with their number. */
function withCounts(texts: string[]): string[] {
  const runs: { text: string; times: number }[] = []
  for (const text of texts) {
    const last = runs.at(-1)
    if (last?.text === text) last.times += 1
    else runs.push({ text, times: 1 })
  }
  return runs.map(({ text, times }) => (times === 1 ? text : `${times} times: ${text}`))
}

function doneText({ remedy, applied, refused, unknown, verified, unseen, manual }: RemedyDone): string {
  const texts: string[] = []
  if (applied > 0) {
    const what = manual ? 'was reported as done' : `was applied to ${targetsText(applied)}`
    texts.push(`${remedy} ${what}${verifiedText(verified, unseen)}`)
  }
  if (unknown > 0) texts.push(`it is unknown whether ${remedy} was applied to ${targetsText(unknown)}`)
  if (refused > 0) texts.push(`${remedy} was refused for ${targetsText(refused)}`)
  return texts.join(', and ')
}

function verifiedText(verified: boolean | null, unseen: boolean): string {
  if (unseen) return ' (it has no verification)'
  if (verified === null) return ' and not verified'
  return verified ? ' and verified' : ', and its verification did not hold'
}

/**
 * A sentence for an incident whose symptom went away after a remedy that was not verified, or whose verification
 * failed.
 */
function unclear(outcome: Outcome, rounds: readonly RemedyDone[]): string {
  const helped = rounds.some(({ verified, unseen }) => verified === true && !unseen)
  return outcome === 'cleared' && !helped ? '. It is unknown whether the remedy helped' : ''
}

function targetsText(count: number): string {
  return count === 1 ? '1 target' : `${count} targets`
}
