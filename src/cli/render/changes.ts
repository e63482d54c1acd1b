import type { Json, JsonObject } from '../../core/json.ts'
import type { ProposedAction } from '../../core/proposal.ts'
import { cut } from './layout.ts'

/**
 * What an action would change, in a few words: `status RUNNING → FAILED`, `$ npm run maestro:restart`; else its summary. Values of
 * more than `longest` columns are cut.
 */
export function changeOf({ preview }: ProposedAction, longest = Infinity): string {
  const changes = (preview.rows ?? [])
    .map(({ before, after }) => changeOfRow(before, after, longest))
    .filter((text) => text !== '')
  const different = [...new Set(changes)]
  return different.length === 0 ? preview.summary : different.join('; ')
}

function changeOfRow(before: JsonObject, after: JsonObject, longest: number): string {
  const short = (value: Json) => cut(shown(value), longest)
  if (Array.isArray(after.argv)) return `$ ${after.argv.map(shown).join(' ')}`
  return Object.keys(after)
    .filter((name) => Object.hasOwn(before, name) && JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => `${name} ${short(before[name]!)} → ${short(after[name]!)}`)
    .join(', ')
}

function shown(value: Json): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
}

/** Where an action works: `on maestro-db`, `in runs of maestro-db`. */
export function placeOf({ with: parameters }: ProposedAction): string {
  const { connection, table, channel } = parameters
  if (typeof channel === 'string') return `to ${channel}`
  if (typeof connection !== 'string') return ''
  return typeof table === 'string' ? `in ${table} of ${connection}` : `on ${connection}`
}
