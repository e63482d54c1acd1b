import type { Plan, PlanCause } from '../../core/plan.ts'
import type { Preview } from '../../engine/preview.ts'
import { readsOf } from '../../engine/views/graph.ts'

/** A Mermaid graph of checks → causes → remedies, coloured by the results of a preview. */
export function mermaid(plan: Plan, preview: Preview): string {
  const lines = ['flowchart LR']
  for (const { name, kind: check, needs } of plan.checks) {
    const state = preview.checks.find((one) => one.name === name)?.status === 'ok' ? 'ok' : 'failed'
    lines.push(`  check_${name}["${label(name)}<br/>${label(check)}"]:::${state}`)
    for (const need of needs) lines.push(`  check_${need} --> check_${name}`)
  }
  for (const cause of plan.causes) {
    const holds = preview.causes.find((one) => one.cause === cause.name)?.holds
    const state = cause.name === preview.cause ? 'treated' : holds === true ? 'holds' : holds === false ? 'no' : 'open'
    lines.push(`  cause_${id(cause.name)}{{"${label(cause.title)}"}}:::${state}`)
    for (const check of readsOf(cause)) lines.push(`  check_${check} --> cause_${id(cause.name)}`)
    lines.push(`  cause_${id(cause.name)} --> ${ending(cause)}`)
  }
  for (const { name: remedy, title } of Object.values(plan.remedies))
    lines.push(
      `  remedy_${id(remedy)}["${label(title)}"]:::${preview.proposal?.remedy === remedy ? 'treated' : 'remedy'}`,
    )
  return [...lines, ...CLASSES].join('\n')
}

const CLASSES = [
  '  classDef ok stroke:#2e7d32',
  '  classDef failed stroke:#c62828,stroke-dasharray:4',
  '  classDef holds stroke:#2e7d32,stroke-width:2px',
  '  classDef treated stroke:#2e7d32,stroke-width:4px',
  '  classDef no opacity:0.5',
  '  classDef open stroke:#f9a825,stroke-dasharray:4',
  '  classDef remedy stroke:#1565c0',
]

function ending({ then }: PlanCause): string {
  if ('remedy' in then) return `remedy_${id(then.remedy)}`
  if (then.end === 'handoff') return `handoff_${id(then.incident)}(["handed off to ${label(then.incident)}"])`
  return then.end === 'escalate' ? 'escalate(["escalate"])' : 'none(["no action"])'
}

function id(name: string): string {
  return name.replaceAll('-', '_')
}

/** Mermaid reads a label as HTML, with entities like `#60;`. */
function label(text: string): string {
  return text.replace(/["<>&#;]/g, (character) => `#${character.charCodeAt(0)};`)
}
