import type { AlertRule } from '../../config/config.ts'
import type { Alert } from '../../core/alert.ts'

export type Matched = { rule: AlertRule; inputs: Record<string, string> } | { unmatched: string }

/**
 * Returns the first rule whose labels the alert has, with the inputs that the rule takes from the alert. An input whose label is missing is
 * left out.
 */
export function matchAlert(rules: AlertRule[], alert: Alert): Matched {
  const rule = rules.find(({ match }) => Object.entries(match).every(([name, value]) => labelOf(alert, name) === value))
  return rule ? { rule, inputs: inputsOf(rule, alert) } : { unmatched: whyNoRule(rules, alert) }
}

function labelOf({ labels }: Alert, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined
}

function inputsOf({ inputs }: AlertRule, alert: Alert): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [input, from] of Object.entries(inputs)) {
    const value = typeof from === 'string' ? fieldOf(alert, from) : from.value
    if (value !== undefined) found[input] = value
  }
  return found
}

/** Reads the value of a field such as `labels.run_id`. */
function fieldOf(alert: Alert, path: string): string | undefined {
  if (path === 'fingerprint') return alert.fingerprint
  if (path === 'startsAt') return alert.startsAt ?? undefined
  const dot = path.indexOf('.')
  const record = path.slice(0, dot) === 'labels' ? alert.labels : alert.annotations
  const name = path.slice(dot + 1)
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** Returns the rule with the most matching labels, and the first label of the rule that does not match. */
function whyNoRule(rules: AlertRule[], alert: Alert): string {
  if (rules.length === 0) return 'the configuration has no rules under "alerts"'
  const scored = rules.map(({ match, incident }, index) => {
    const missed = Object.entries(match).filter(([name, value]) => labelOf(alert, name) !== value)
    return { incident, index, missed, matched: Object.keys(match).length - missed.length }
  })
  const [nearest] = scored.toSorted((a, b) => b.matched - a.matched || a.missed.length - b.missed.length)
  const { index, incident, missed } = nearest!
  const [name, value] = missed[0]!
  const has = labelOf(alert, name)
  return `no rule under "alerts" matches. The nearest is alerts[${index}] (${incident}): it needs the label ${name}=${JSON.stringify(value)}, and the alert ${has === undefined ? 'does not have that label' : `has ${JSON.stringify(has)}`}`
}
