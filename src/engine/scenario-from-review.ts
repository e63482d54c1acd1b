import { Document, visit } from 'yaml'
import { canonical } from '../core/canonical.ts'
import { formatDuration } from '../core/duration.ts'
import { kindOfAction } from '../core/effect.ts'
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts'
import { parseCheckPlace, type CheckStage } from '../core/place.ts'
import { FORBIDDEN } from '../language/parse/parse-yaml.ts'
import type { EvidenceView, GateView, Review, RoundView } from './views/view-types.ts'

/**
 * A scenario file (YAML) made from a real incident: its checks' results and when they changed, the decisions, and the
 * outcome. Only what is redacted in the history is redacted here, so review the results before you commit the file.
 */
export function scenarioFrom({ incident, evidence }: Review): string {
  const { id, type, runbook, planDigest, openedAt, inputs, rounds, outcome } = incident
  const given = Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== null))
  const decisions = rounds.flatMap(({ gate }) => (gate ? [decisionOf(gate)] : []))
  const effects = rounds.flatMap(unusualEffects)
  const [first, ...others] = rounds.map(expectationOf)
  const file = {
    version: 1,
    scenarios: [
      {
        scenario: `${id}: ${incident.reason ?? type}`.slice(0, 120),
        given: { ...(Object.keys(given).length > 0 ? { inputs: given } : {}), checks: checksOf(evidence) },
        ...(decisions.length > 0 ? { decisions } : {}),
        ...(effects.length > 0 ? { effects } : {}),
        expect: {
          outcome: outcome ?? 'resolved',
          rounds: Math.max(1, rounds.length),
          ...first,
          ...(others.length > 0 ? { then: others } : {}),
        },
      },
    ],
  }
  const head = [
    '# yaml-language-server: $schema=../schema/scenarios.json',
    `# From ${id} of ${openedAt.slice(0, 10)}, runbook ${runbook}, plan ${planDigest.slice(0, 12)}.${outcome ? '' : ' It was still open: fill in the expected outcome.'}`,
    ...unsupportedGates(rounds),
  ]
  return `${head.join('\n')}\n${yamlOf(file)}`
}

/**
 * Results of diagnosed systems may hold invisible and bidirectional control characters, which scenario files may not
 * contain. They are escaped, such as `\\u202e`.
 */
function yamlOf(file: JsonObject): string {
  const document = new Document(file, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && scalar.value.search(FORBIDDEN) >= 0) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return document
    .toString({ lineWidth: 120 })
    .replace(FORBIDDEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Each check's results in the order in which they were taken; a changed result begins a new phase. */
function checksOf(evidence: EvidenceView[]): JsonObject {
  const checks: Record<string, JsonObject[]> = {}
  const last: Record<string, string> = {}
  for (const one of evidence) {
    const place = parseCheckPlace(one.place)
    if (!place) continue
    const { stage, check: name } = place
    const result = resultIn(one)
    if (last[name] === canonical(result)) continue
    last[name] = canonical(result)
    ;(checks[name] ??= []).push({ ...startOf(stage), ...result })
  }
  return Object.fromEntries(
    Object.entries(checks).map(([name, phases]): [string, Json] => {
      const [only] = phases
      return [name, phases.length === 1 && only!['result'] && !only!['from'] ? only!['result'] : phases]
    }),
  )
}

function resultIn({ body, truncated }: EvidenceView): JsonObject {
  if (typeof body['error'] === 'string') return { failed: body['error'] }
  const result = body['result']
  if (!isJsonObject(result)) return { failed: 'the stored evidence has no result' }
  return { result: truncated ? { ...result, truncated } : result }
}

function startOf({ at, round }: CheckStage): JsonObject {
  if (at === 'diagnose') return round === 1 ? {} : { from: 'opened', round }
  if (at === 'recheck') return { from: 'proposed', round }
  return { from: 'applied', round }
}

function decisionOf(gate: GateView): Json {
  const last = gate.decisions.findLast((one) => !one.withdrawn)
  const after = last ? Date.parse(last.at) - Date.parse(gate.openedAt) : 0
  const time = after >= 1000 ? { after: formatDuration(Math.round(after / 1000) * 1000) } : {}
  switch (gate.state) {
    case 'expired':
      return 'timeout'
    case 'cancelled':
      return 'cancel'
    case 'rejected':
      return { decision: last?.nextCause ? 'next-cause' : 'reject', ...time }
    default: {
      const targets = last?.targets ? { targets: last.targets } : {}
      return { decision: 'approve', ...targets, ...time }
    }
  }
}

function unusualEffects({ round, effects }: RoundView): JsonObject[] {
  return effects
    .filter(({ result }) => result !== 'applied')
    .map(({ action, target, result }) => ({ action: kindOfAction(action), target, round, result }))
}

function expectationOf({ causes, gate, effects, targets, verified }: RoundView): JsonObject {
  const expectedEffects = gate ? effectsOf(targets, effects) : {}
  return {
    ...(causes.length > 0 ? { causes: Object.fromEntries(causes.map(({ cause, holds }) => [cause, holds])) } : {}),
    ...(gate
      ? {
          cause: gate.proposal.cause,
          proposal: { remedy: gate.proposal.remedy, targets: gate.proposal.targets.map(({ key }) => key) },
          effects: expectedEffects,
        }
      : { proposal: 'none' }),
    ...(verified === null ? {} : { verified }),
  }
}

function effectsOf(targets: RoundView['targets'], effects: RoundView['effects']): JsonObject {
  const states = targets.filter(({ state }) => state !== 'proposed' && state !== 'permitted')
  const once = effects.filter(({ target }) => !targets.some(({ key }) => key === target))
  return Object.fromEntries([
    ...states.map(({ key, state }) => [key, state]),
    ...once.map(({ target, result }) => [target, result]),
  ])
}

function unsupportedGates(rounds: RoundView[]): string[] {
  return rounds
    .filter(({ gate }) => gate && ['voided', 'withdrawn', 'lapsed', 'open'].includes(gate.state))
    .map(
      ({ gate }) => `# Gate ${gate!.id} is ${gate!.state}, which scenarios do not support: write a decision instead.`,
    )
}
