import type { Json } from '../../core/json.ts'
import type { ProposedAction } from '../../core/proposal.ts'
import { cutText } from '../../core/storable.ts'
import { changedFields } from '../views/changed-fields.ts'

const MAX_STATEMENTS = 5
const MAX_STATEMENT = 300
const MAX_VALUE = 40

/** Lines that say exactly what a proposal would do: each statement or call, with the values that it changes. */
export function statementLines(incident: string, actions: ProposedAction[]): string[] {
  const more = actions.length - MAX_STATEMENTS
  return [
    ...actions.slice(0, MAX_STATEMENTS).map(statementLine),
    ...(more > 0
      ? [`… and ${more} more: read them on the incident's page or with "runbook show ${incident} --full"`]
      : []),
  ]
}

function statementLine({ preview: { summary, rows = [], warning } }: ProposedAction): string {
  const changes = rows
    .flatMap(changedFields)
    .map(({ name, before, after }) => `${name}: ${valueText(before)} → ${valueText(after)}`)
  const values = changes.length === 0 ? '' : ` (${[...new Set(changes)].join(', ')})`
  return `• ${short(summary + values, MAX_STATEMENT)}${warning === undefined ? '' : `: ${short(warning, MAX_STATEMENT)}`}`
}

function valueText(value: Json): string {
  return short(typeof value === 'string' && value !== '' ? value : JSON.stringify(value), MAX_VALUE)
}

function short(text: string, max: number): string {
  return text.length > max ? `${cutText(text, max - 1)}…` : text
}
