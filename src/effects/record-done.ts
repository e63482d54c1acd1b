import type { Effect } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { Database } from '../history/database.ts'
import { recordEffect, type EffectPlace } from './record-effect.ts'

/**
 * What a person says of a `manual` action: done makes it `applied`, not done `skipped`. The first word counts; what stands then is
 * returned. The caller has authenticated the person.
 */
export async function recordDone(
  database: Database,
  place: EffectPlace,
  word: { person: string; done: boolean; form?: JsonObject; comment?: string | undefined },
): Promise<Effect> {
  const said = word.done ? `${word.person} says it was done` : `${word.person} says it was not done`
  return recordEffect(database, {
    ...place,
    result: word.done ? 'applied' : 'skipped',
    detail: word.comment ? `${said}: ${word.comment}` : said,
    observed: { person: word.person, form: word.form ?? {} },
  })
}
