import { canonical, sha256Hex } from '../../core/canonical.ts'
import type { SampleLimits } from '../../core/detection.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Plan, PlanCheck } from '../../core/plan.ts'
import { closure } from '../../interpreter/scope.ts'
import { diagnoseQueue } from '../../temporal/names.ts'
import type { DetectionSchedule } from '../../temporal/schedules.ts'
import type { Engine } from '../engine.ts'

/** The time that a sample may need besides its checks: it may wait for a free slot, for memory, and for the engine's database. */
const GRACE_MS = 90_000
/** Two checks with the usual timeout, one after the other. The local activity of workflows/detect.ts is given up after 15 s. */
const MAX_SHORT_MS = 10_000

/** The checks that the symptom needs, in the plan's order. */
export function symptomChecks({ checks, symptom }: Pick<Plan, 'checks' | 'symptom'>): PlanCheck[] {
  return closure(checks, symptom?.checks ?? [])
}

/** The connections that a plan reads or writes. */
export function connectionsOfPlan({ checks, remedies }: Plan): string[] {
  const actions = Object.values(remedies).flatMap((remedy) => [...remedy.actions, ...remedy.verify.checks])
  return connectionsOfChecks([...checks, ...actions])
}

/** The connections that these checks or actions use. */
export function connectionsOfChecks(checks: Pick<PlanCheck, 'with'>[]): string[] {
  const names = checks.flatMap(({ with: { connection } }) =>
    connection && 'lit' in connection && typeof connection.lit === 'string' ? [connection.lit] : [],
  )
  return [...new Set(names)].sort()
}

/** How long a sample of the plan may take: its checks may have to run one after the other. */
export function sampleLimits(plan: Pick<Plan, 'checks' | 'symptom'>): SampleLimits {
  const checksMs = symptomChecks(plan).reduce((sum, check) => sum + check.timeoutMs, 0)
  return { limitMs: checksMs + GRACE_MS, isShort: checksMs <= MAX_SHORT_MS }
}

/** The schedules of the loaded runbooks that have `detect`, by runbook, each as text. */
export function detectionSpecs({ catalogue, config }: Pick<Engine, 'catalogue' | 'config'>): Record<string, string> {
  const taskQueue = diagnoseQueue(config.temporal.taskQueue)
  const specs: Record<string, string> = {}
  for (const [name, { plan }] of catalogue.byName) {
    if (!plan.detect) continue
    const { everyMs } = plan.detect
    specs[name] = canonical({
      everyMs,
      offsetMs: offsetOf(name, everyMs),
      ...sampleLimits(plan),
      taskQueue,
    } satisfies DetectionSchedule as unknown as JsonObject)
  }
  return specs
}

/** Spreads the samples of many runbooks over the interval. A runbook always has the same offset in the interval. */
function offsetOf(runbook: string, everyMs: number): number {
  const seconds = Math.floor(everyMs / 1_000)
  return (Number.parseInt(sha256Hex(runbook).slice(0, 8), 16) % seconds) * 1_000
}
