import { canonical } from '../../core/canonical.ts'
import { formatDuration } from '../../core/duration.ts'
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts'
import { parseCheckPlace, type CheckStage } from '../../core/place.ts'
import type { EvidenceView } from '../views/view-types.ts'
import type { RecordedRound } from './recorded-rounds.ts'

/**
 * The `checks` of a scenario: the results of each check in the order in which they were taken. A changed result begins a new phase. The
 * checks of a remedy are named with the remedy, because another remedy may have a check of the same name. `shortened` leaves out the fields
 * of a result that the scenario has without them.
 */
export function checksOf(
  evidence: EvidenceView[],
  rounds: RecordedRound[],
  shortened: (check: string, result: JsonObject) => JsonObject = (_, result) => result,
): JsonObject {
  const checks = new Map<string, JsonObject[]>()
  const last = new Map<string, string>()
  for (const one of evidence) {
    const place = parseCheckPlace(one.place)
    const round = rounds.find((recorded) => recorded.round === place?.stage.round)
    if (!place || !round) continue
    const { stage } = place
    // A scenario cannot express further re-checks of a round. The targets that they dropped are in the scenario's effects.
    if (stage.at === 'recheck' && stage.number !== round.recheck) continue
    const name = isOfRemedy(stage) ? `${round.gate?.proposal.remedy}/${place.check}` : place.check
    const result = resultIn(one)
    if (last.get(name) === canonical(result)) continue
    last.set(name, canonical(result))
    const given = isJsonObject(result['result']) ? { result: shortened(name, result['result']) } : result
    checks.set(name, [...(checks.get(name) ?? []), { ...startOf(stage, round), ...given }])
  }
  return Object.fromEntries([...checks].map(([name, phases]) => [name, shortest(phases)]))
}

function isOfRemedy({ at }: CheckStage): boolean {
  return at === 'verify' || at === 'wait'
}

/** A check with one result for the whole incident needs no phases. */
function shortest(phases: JsonObject[]): Json {
  const [only] = phases
  return phases.length === 1 && only!['result'] && !only!['from'] ? only!['result'] : phases
}

function resultIn({ body, truncated }: EvidenceView): JsonObject {
  if (typeof body['error'] === 'string') return { failed: body['error'] }
  const result = body['result']
  if (!isJsonObject(result)) return { failed: 'the stored evidence has no result' }
  return { result: truncated ? { ...result, truncated } : result }
}

function startOf(stage: CheckStage, { looksAfterMs }: RecordedRound): JsonObject {
  const { round } = stage
  switch (stage.at) {
    case 'diagnose': {
      const ms = looksAfterMs[stage.look ?? 1]
      if (ms !== undefined) return { from: 'opened', round, after: formatDuration(ms) }
      return round === 1 ? {} : { from: 'opened', round }
    }
    case 'recheck':
      return { from: 'proposed', round }
    case 'wait':
      return { from: 'waiting', round, action: stage.action }
    case 'verify':
      return { from: 'verifying', round }
    case 'after':
      return { from: 'applied', round }
  }
}
