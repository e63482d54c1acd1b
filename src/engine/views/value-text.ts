import type { Value } from '../../core/plan.ts'

/** A template of a plan as its author wrote it, on one line. */
export function valueText(value: Value): string {
  if ('lit' in value) return typeof value.lit === 'string' ? value.lit : JSON.stringify(value.lit)
  if ('expr' in value) return `\${{ ${value.expr.cel} }}`
  if ('text' in value)
    return value.text.map((part) => (typeof part === 'string' ? part : `\${{ ${part.cel} }}`)).join('')
  if ('list' in value) return `[${value.list.map(valueText).join(', ')}]`
  return `{ ${Object.entries(value.map)
    .map(([name, one]) => `${name}: ${valueText(one)}`)
    .join(', ')} }`
}
