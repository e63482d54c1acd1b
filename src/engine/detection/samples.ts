import type { Sample } from '../../core/detection.ts'
import type { Database } from '../../history/database.ts'
import { storeSamples, type SampledRunbook } from '../../history/detectors.ts'

/** How many durations of one runbook are kept until the next store. */
const MAX_DURATIONS = 20

const waiting = new WeakMap<Database, Map<string, SampledRunbook & { at: number }>>()

/**
 * Remembers the cost of a sample until this process stores all costs together. If the process dies before that, these costs are lost;
 * nothing else depends on them.
 */
export function rememberSample(database: Database, runbook: string, sample: Sample): void {
  const now = performance.now()
  let runbooks = waiting.get(database)
  if (!runbooks) waiting.set(database, (runbooks = new Map()))
  const before = runbooks.get(runbook)
  runbooks.set(runbook, {
    runbook,
    samples: (before?.samples ?? 0) + 1,
    unreadable: (before?.unreadable ?? 0) + (sample.symptom === 'unreadable' ? 1 : 0),
    durations: [...(before?.durations ?? []), sample.ms].slice(-MAX_DURATIONS),
    last: sample,
    at: now,
  })
}

/** Stores the remembered costs. If that fails, they are kept for the next attempt. */
export async function flushSamples(database: Database): Promise<void> {
  const runbooks = waiting.get(database)
  if (!runbooks || runbooks.size === 0) return
  const stored = [...runbooks.entries()]
  const now = performance.now()
  await storeSamples(
    database,
    stored.map(([, { at, ...one }]) => ({ ...one, agoMs: Math.round(now - at) })),
  )
  // Costs that were remembered while the others were being stored are kept for the next store.
  for (const [runbook, one] of stored) {
    const later = runbooks.get(runbook)!
    if (later === one) runbooks.delete(runbook)
    else
      runbooks.set(runbook, {
        ...later,
        samples: later.samples - one.samples,
        unreadable: later.unreadable - one.unreadable,
        durations: later.durations.slice(-(later.samples - one.samples)),
      })
  }
}
