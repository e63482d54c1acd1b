import { canonical } from '../../core/canonical.ts'
import { defined } from '../../core/defined.ts'
import { endUnsampled } from '../../history/detection.ts'
import {
  claimDetectors,
  forgetDetector,
  recordApplied,
  reportDetectors,
  type ClaimedDetector,
} from '../../history/detectors.ts'
import { engineId } from '../../history/engine-id.ts'
import { detectionId } from '../../temporal/names.ts'
import { applySchedule, deleteSchedule, type DetectionSchedule } from '../../temporal/schedules.ts'
import type { Engine } from '../engine.ts'
import { flushSamples } from './samples.ts'
import { detectionSpecs } from './spec.ts'

/** The interval at which a worker reports its runbooks if they have not changed. */
const INTERVAL_MS = 10_000

/**
 * Keeps the schedules in Temporal in agreement with the loaded runbooks, and stores the costs of the samples. Returns a function that is
 * called every few seconds and does this when it is due.
 */
export function detectorsKeeper(intervalMs = INTERVAL_MS): (engine: Engine) => Promise<void> {
  let reported: { at: number; specs: string } | undefined
  return async (engine) => {
    const specs = detectionSpecs(engine)
    const text = canonical(specs)
    if (reported?.specs === text && performance.now() - reported.at < intervalMs) return
    await flushSamples(engine.database)
    await reportDetectors(engine.database, specs, Date.now() - Date.parse(engine.files.loadedAt))
    await applyChanges(engine)
    reported = { at: performance.now(), specs: text }
  }
}

/**
 * Updates all schedules. If the schedule of one runbook cannot be changed, the others are still updated; the first error is thrown at the
 * end.
 */
async function applyChanges(engine: Engine): Promise<void> {
  const errors: unknown[] = []
  for (const claimed of await claimDetectors(engine.database))
    await applyChange(engine, claimed).catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

async function applyChange(engine: Engine, claimed: ClaimedDetector): Promise<void> {
  const { database, temporal } = engine
  const { runbook, spec, isPaused, isStale } = claimed
  const id = detectionId(await engineId(database), runbook)
  if (isStale) {
    await deleteSchedule(temporal.client, id)
    await endUnsampled(database, runbook)
    return forgetDetector(database, runbook)
  }
  const schedule = JSON.parse(spec) as DetectionSchedule
  const { limitMs, isShort } = schedule
  await applySchedule(temporal.client, id, defined({ runbook, limitMs, isShort }), schedule, isPaused)
  await recordApplied(database, claimed)
}
