import { observeRequest } from '../../../activities/run-checks.ts'
import { scrubSecrets } from '../../config/secret.ts'
import type { Sample } from '../../core/detection.ts'
import { messageOf } from '../../core/errors.ts'
import type { Evidence } from '../../core/evidence.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Plan } from '../../core/plan.ts'
import { cutText, toStorable } from '../../core/storable.ts'
import { diagnose } from '../../interpreter/diagnose.ts'
import { evaluateCondition } from '../../interpreter/find.ts'
import { scopeOf } from '../../interpreter/scope.ts'
import type { Targets } from '../../targets/targets.ts'
import { sampleSlot } from './sample-slots.ts'
import { connectionsOfChecks, symptomChecks } from './spec.ts'

const MAX_PROBLEM_LENGTH = 500

/**
 * Evaluates the symptom of a plan now, with read credentials. Runs only the checks that the symptom needs, and stores nothing. A symptom
 * that cannot be read is part of the result; the function does not throw.
 */
export async function takeSample(plan: Plan, inputs: JsonObject, targets: Targets): Promise<Sample> {
  const checks = symptomChecks(plan)
  const found: Evidence[] = []
  const startedAt = performance.now()
  const cost = () => ({ ms: Math.round(performance.now() - startedAt), ...sizeOf(found) })
  const unreadable = (problem: string): Sample => ({
    symptom: 'unreadable',
    problem: cutText(toStorable(scrubSecrets(problem)), MAX_PROBLEM_LENGTH),
    ...cost(),
  })
  const release = await sampleSlot(connectionsOfChecks(checks))
  if ('busy' in release) return unreadable(release.busy)
  const host = {
    runChecks: async (requests: Parameters<typeof observeRequest>[0][]) => {
      const evidence = await Promise.all(
        requests.map(async (request) => (await observeRequest(request, targets)).evidence),
      )
      found.push(...evidence)
      return evidence
    },
  }
  try {
    const scope = await diagnose(host, checks, scopeOf(plan, inputs), 'sample')
    const symptom = evaluateCondition(plan.symptom, scope)
    if ('value' in symptom) return { symptom: symptom.value === true, ...cost() }
    const failed = found.find(({ status }) => status !== 'ok')
    return unreadable(failed ? `${failed.name}: ${failed.error ?? failed.status}` : symptom.undetermined)
  } catch (error) {
    return unreadable(messageOf(error))
  } finally {
    release.free()
  }
}

/** The number of rows and bytes that the checks returned. */
function sizeOf(found: Evidence[]): Pick<Sample, 'rows' | 'bytes'> {
  const size = { rows: 0, bytes: 0 }
  for (const { result } of found) {
    if (result === undefined) continue
    size.rows += Array.isArray(result.rows) ? result.rows.length : 0
    size.bytes += Buffer.byteLength(JSON.stringify(result))
  }
  return size
}
