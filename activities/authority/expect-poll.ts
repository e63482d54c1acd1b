import { isSameJson } from '../../src/core/canonical.ts'
import { parseStage } from '../../src/core/place.ts'
import type { Queryable } from '../../src/history/database.ts'
import type { PollRequest } from '../../src/interpreter/host.ts'
import { withTargets } from '../../src/interpreter/remedy-scope.ts'
import { scopeOf } from '../../src/interpreter/scope.ts'
import { proposedRemedy } from './proposed-remedy.ts'
import type { Authority } from './caller.ts'
import { refuse } from './refuse.ts'

/** Refuses to poll anything but the `verify` or `wait` of the round's remedy, over some of its targets. */
export async function expectPoll(db: Queryable, authority: Authority, request: PollRequest): Promise<void> {
  const { incident, plan, inputs } = authority
  const stage = parseStage(request.place)
  if (!stage) return refuse(incident, `${request.place} is not a valid place for a poll`)
  const { remedy, targets } = await proposedRemedy(db, authority, stage.round)
  const polled =
    stage.at === 'verify'
      ? remedy.verify
      : stage.at === 'wait'
        ? { holdsMs: 0, ...remedy.actions.find(({ id }) => id === stage.action)?.wait }
        : refuse(incident, `${request.place} is not a valid place for a poll`)
  const { checks, until, holdsMs, everyMs, withinMs, scope, types } = request
  const items = Array.isArray(scope['targets']) ? scope['targets'] : []
  const known = targets.filter(({ target }) => items.some((item) => isSameJson(item, target.item)))
  const expected = withTargets(scopeOf(plan, inputs), remedy, items)
  const isPlanned =
    isSameJson({ checks, until, holdsMs, everyMs, withinMs }, { ...polled }) &&
    isSameJson({ scope, types }, { scope: expected.values, types: expected.types })
  if (!isPlanned || known.length < items.length) refuse(incident, `${request.place} differs from the poll in the plan`)
}
