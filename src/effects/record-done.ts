import type { Effect } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { Database } from '../history/database.ts'
import { recordEffect, type EffectPlace } from './record-effect.ts'

/**
 * Records a person's answer to a `manual` action. The effect is `applied` if the action was done, and `skipped` if not.
 * The first answer wins, and the stored effect is returned. The caller has authenticated the person.
 */
export async function recordDone(
  database: Database,
  place: EffectPlace,
  {
    person,
    done,
    form = {},
    comment,
  }: { person: string; done: boolean; form?: JsonObject; comment?: string | undefined },
): Promise<Effect> {
  const detail = done ? `${person} reported it as done` : `${person} reported it as not done`
  return recordEffect(database, {
    ...place,
    result: done ? 'applied' : 'skipped',
    detail: comment ? `${detail}: ${comment}` : detail,
    observed: { person, form },
  })
}
