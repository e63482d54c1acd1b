import { formatPlace, formatStage } from '../core/place.ts'
import type { PlanRemedy } from '../core/plan.ts'
import type { Host, PollAnswer } from './host.ts'
import { withTargets } from './remedy-scope.ts'
import type { Rendered } from './render.ts'
import type { Scope } from './scope.ts'

interface AppliedRemedy {
  round: number
  remedy: PlanRemedy
  rendered: Rendered
  /** The keys of the targets to which the remedy was applied. */
  keys: string[]
  /** The scope before any check. */
  inputs: Scope
}

/**
 * Polls until the remedy has helped the targets to which it was applied, and records the verdict. If the incident is cancelled first, there
 * is no verdict.
 */
export async function verifyRemedy(
  host: Host,
  { round, remedy, rendered, keys, inputs }: AppliedRemedy,
): Promise<PollAnswer> {
  const items = rendered.targets.filter(({ target }) => keys.includes(target.key)).map(({ target }) => target.item)
  const { values, types } = withTargets(inputs, remedy, items)
  const { checks, until, holdsMs, everyMs, withinMs } = remedy.verify
  const answer = await host.poll({
    place: formatStage({ at: 'verify', round }),
    checks,
    scope: values,
    types,
    until,
    holdsMs,
    everyMs,
    withinMs,
  })
  const { held, detail, tookMs } = answer
  if (answer.cancelled && !held) return answer
  const verified = { round, remedy: remedy.name, held, detail, tookMs, targets: keys }
  await host.record({
    place: formatPlace({ kind: 'verified', round }),
    kind: 'verified',
    data: checks.length === 0 ? { ...verified, unseen: true } : verified,
  })
  return answer
}
