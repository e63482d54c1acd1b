import type { Json, JsonObject } from '../../core/json.ts'
import type { ProposedAction } from '../../core/proposal.ts'
import { changedFields } from '../../engine/views/changed-fields.ts'
import { cut } from './layout.ts'

/**
 * What an action would change, in short: `status RUNNING → FAILED`, `$ npm run maestro:restart`; else its summary. Values are cut to
 * `maxColumns` columns.
 */
export function changeOf({ preview }: ProposedAction, maxColumns = Infinity): string {
  const changes = (preview.rows ?? [])
    .map(({ before, after }) => changeOfRow(before, after, maxColumns))
    .filter((text) => text !== '')
  const distinct = [...new Set(changes)]
  return distinct.length === 0 ? preview.summary : distinct.join('; ')
}

function changeOfRow(before: JsonObject, after: JsonObject, maxColumns: number): string {
  const short = (value: Json) => cut(valueText(value), maxColumns)
  if (Array.isArray(after.argv)) return `$ ${after.argv.map(valueText).join(' ')}`
  return changedFields({ before, after })
    .map((field) => `${field.name} ${short(field.before)} → ${short(field.after)}`)
    .join(', ')
}

function valueText(value: Json): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
}
