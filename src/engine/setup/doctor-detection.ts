import type { Config } from '../../config/config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { openDatabase } from '../../history/database.ts'
import { readDetectors, type StoredDetector } from '../../history/detection-views.ts'

const ANSWER_TIMEOUT_MS = 4_000

/** Finds runbooks with `detect` that are not sampled although they should be. */
export async function doctorDetection(config: Pick<Config, 'database'>): Promise<DoctorFinding[]> {
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook doctor',
    answerMs: ANSWER_TIMEOUT_MS,
  })
  try {
    return detectionFindings(await readDetectors(database))
  } finally {
    await database.end()
  }
}

/** A paused runbook is not reported, because a person paused it. */
export function detectionFindings(
  detectors: Pick<StoredDetector, 'runbook' | 'lastAt' | 'isOverdue' | 'pausedAt'>[],
): DoctorFinding[] {
  return detectors
    .filter(({ isOverdue, pausedAt }) => isOverdue && pausedAt === null)
    .map(({ runbook, lastAt }) => ({
      name: `detection of ${runbook}`,
      ok: true,
      warning: true,
      detail: `is overdue: ${lastAt === null ? 'no sample was ever stored' : `the last sample is from ${lastAt.toISOString()}`}, so the symptom can be present without an incident`,
      fix: 'see that a worker runs ("runbook worker") and reaches Temporal: it creates the schedule again; its log says why a sample fails',
    }))
}
