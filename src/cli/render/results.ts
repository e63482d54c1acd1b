import { kindOfAction, type TargetState } from '../../core/effect.ts'
import { ALL_TARGETS } from '../../core/proposal.ts'
import { answersText } from '../../engine/views/answers.ts'
import type { RoundView } from '../../engine/views/view-types.ts'
import { line, pad, wrap } from './layout.ts'
import type { Page } from './proposal.ts'

/** The states in the order in which they are shown. The worst is first, so that people see it; what nobody approved is last. */
const WORST_FIRST: readonly TargetState[] = [
  'unknown',
  'refused',
  'permitted',
  'proposed',
  'skipped',
  'applied',
  'not-approved',
]

const STATE_COLUMN = 9

function stateText(state: TargetState): string {
  return state === 'not-approved' ? 'not approved' : state
}

/** The number of targets in each state as text, such as `1 refused, 3 applied`. */
export function targetCounts(targets: RoundView['targets']): string {
  return WORST_FIRST.flatMap((state) => {
    const count = targets.filter((target) => target.state === state).length
    return count === 0 ? [] : [`${count} ${stateText(state)}`]
  }).join(', ')
}

/** Why the target in the worst state is unknown, refused or skipped. */
export function whyNotApplied(targets: RoundView['targets'], effects: RoundView['effects']): string | undefined {
  for (const state of ['unknown', 'refused', 'skipped'] as const)
    for (const target of targets)
      if (target.state === state) {
        const why = whyOf(target, effects)
        if (why !== '') return target.key === ALL_TARGETS ? why : `${target.key}: ${why}`
      }
  return undefined
}

/** What happened to a target: why it was skipped, or the detail of the effect that its state comes from. */
function whyOf({ key, state, why }: RoundView['targets'][number], effects: RoundView['effects']): string {
  if (why !== null) return why
  const own = effects.filter((effect) => effect.target === key)
  const shown = own.findLast((effect) => effect.result === state) ?? own.at(-1)
  const once = effects.findLast((effect) => effect.target === ALL_TARGETS && effect.result === state)
  const effect = shown ?? once
  return effect ? effect.detail + answersText(effect) : ''
}

/** The result for each target and each action that ran once, and the verification. Empty if nothing was approved. */
export function targetLines(round: RoundView, page: Page, maxTargets: number): string[] {
  const { gate, targets, effects } = round
  if (gate?.state !== 'approved' && effects.length === 0) return []
  const runsOnce = targets.length === 1 && targets[0]!.key === ALL_TARGETS
  const once = runsOnce ? [] : effects.filter((effect) => effect.target === ALL_TARGETS)
  const worstFirst = targets.toSorted((a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state))
  const [shown, more] =
    targets.length <= maxTargets
      ? [targets, []]
      : [worstFirst.slice(0, maxTargets - 1), worstFirst.slice(maxTargets - 1)]
  return [
    ...once.flatMap((effect) =>
      resultLines(
        effect.result,
        kindOfAction(effect.action),
        effect.detail + answersText(effect),
        page,
        doneText(effect),
      ),
    ),
    ...shown.flatMap((target) =>
      resultLines(target.state, target.key === ALL_TARGETS ? '' : target.key, whyOf(target, effects), page),
    ),
    ...(more.length > 0 ? [line(page.width, ` … and ${more.length} more: ${targetCounts(more)}`)] : []),
    ...verdictLines(round, page),
  ]
}

/** The result of an action as text: a message is sent, not applied. */
function doneText({ action, result }: RoundView['effects'][number]): string {
  return result === 'applied' && kindOfAction(action) === 'notify' ? 'sent' : result
}

/** One result. Why it was refused, or is unknown, is never cut. */
function resultLines(
  state: TargetState,
  name: string,
  detail: string,
  { width, colours }: Page,
  shown = stateText(state),
): string[] {
  const isBad = state === 'refused' || state === 'unknown'
  const style = state === 'applied' ? colours.green : isBad ? colours.red : colours.dim
  const column = Math.max(STATE_COLUMN, shown.length)
  const room = width - column - 2
  const [first = '', ...rest] = wrap(`${name === '' ? '' : `${name}  `}${detail}`, room, isBad ? Infinity : 2)
  return [
    line(width, ' ', [pad(shown, column), style], ' ', [first, isBad ? (text) => text : colours.dim]),
    ...rest.map((text) => line(width, ' '.repeat(column + 2), text)),
  ]
}

function verdictLines({ verified, unverifiable }: RoundView, { width, colours }: Page): string[] {
  if (unverifiable) return [line(width, ' ', ['not verified: the remedy has no verification', colours.yellow])]
  if (verified === null) return []
  const [text, style] = verified
    ? ['verified: the remedy helped', colours.green]
    : ['not verified: the remedy did not help', colours.red]
  return [line(width, ' ', [text, style])]
}
