import { proxyActivities } from '@temporalio/workflow'
import type { BaselineActivities } from '../baselines.ts'

const { query } = proxyActivities<BaselineActivities>({ startToCloseTimeout: '30s' })

/** The cost of Temporal itself: start, one workflow task, end. */
export async function empty(): Promise<void> {}

/** The same diagnosis written by hand: one activity per statement, sequentially, then the finding. */
export async function fiveQueries(threshold: string): Promise<{ finding: string }> {
  const stuck = await query('stuck', threshold)
  await query('states', threshold)
  const failures = await query('failures', threshold)
  const silent = await query('silent', threshold)
  const blocked = await query('blocked', threshold)
  if (blocked.length > 0) return { finding: 'locked' }
  if (failures.some((failure) => Number(failure['steps']) > 1000)) return { finding: 'one-type-fails' }
  return { finding: stuck.length > 0 && silent.length > 0 ? 'workers-gone' : 'none' }
}
