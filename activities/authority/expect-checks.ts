import { isSameJson } from '../../src/core/canonical.ts'
import { parseCheckPlace, formatStage, type CheckStage } from '../../src/core/place.ts'
import type { Queryable } from '../../src/history/database.ts'
import { checkRequest } from '../../src/interpreter/diagnose.ts'
import type { CheckRequest } from '../../src/interpreter/host.ts'
import type { Authority } from './caller.ts'
import { scopeAt } from './evidence-scope.ts'
import { refuse } from './refuse.ts'

/**
 * Refuses checks that are not in the plan, or whose parameters do not follow from the inputs and the evidence that is stored at the same
 * stage. Evidence decides what is proposed and applied, so a caller that could choose the statements could choose the evidence.
 */
export async function expectChecks(db: Queryable, authority: Authority, requests: CheckRequest[]): Promise<void> {
  const [stage, ...others] = requests.map((request) => stageOf(authority, request))
  if (!stage) return refuse(authority.incident, 'no checks were named')
  if (others.some((other) => !isSameJson(other, stage)))
    refuse(authority.incident, 'checks of different stages were named')
  const checks = requests.map(
    ({ name }) =>
      authority.plan.checks.find((check) => check.name === name) ??
      refuse(authority.incident, `the plan has no check ${name}`),
  )
  const needed = new Set(checks.flatMap(({ needs }) => needs))
  const scope = await scopeAt(
    db,
    authority,
    stage,
    authority.plan.checks.filter(({ name }) => needed.has(name)),
  )
  for (const [i, request] of requests.entries())
    if (!isSameJson(request, checkRequest(checks[i]!, scope, formatStage(stage))))
      refuse(authority.incident, `check ${request.name} at ${request.place} is not the check of the plan`)
}

function stageOf({ incident, plan }: Authority, { place, name }: CheckRequest): CheckStage {
  const parsed = parseCheckPlace(place)
  const stage = parsed?.check === name ? parsed.stage : undefined
  if (!stage || !['diagnose', 'recheck', 'after'].includes(stage.at))
    return refuse(incident, `${place} is not a valid place for evidence of ${name}`)
  if (stage.round > plan.rounds.total) return refuse(incident, `the plan has no round ${stage.round}`)
  const looks = 1 + (plan.rounds.again?.times ?? 0)
  if (stage.at === 'diagnose' && (stage.look ?? 1) > looks)
    return refuse(incident, `the plan does not let the checks of a round run ${stage.look} times`)
  return stage
}
