import type pg from 'pg'
import { STEP_TYPES } from '../workflows.ts'
import { untilSteps, type Fault } from './fault.ts'

const TYPE = 'transcode'
const TOO_SHORT_MS = 1200
const TRANSCODE_SECONDS = 1.5

/** Sets the timeout of one step type slightly below the duration of its work. */
export const timeoutTooShort: Fault = {
  name: 'timeout-too-short',
  title: `The timeout of ${TYPE} is shorter than its work`,
  async inject(context) {
    const input = { transcode: { seconds: TRANSCODE_SECONDS } }
    // Two runs that succeed, so that there are durations to compare the timeout with.
    const before = await context.startRuns('video', 2, input)
    await untilSteps(context, before, 'two completed runs', (rows) => rows.every((row) => row.step === 'publish'))
    await setTimeoutMs(context.pool, TOO_SHORT_MS)
    const runs = await context.startRuns('video', 3, input)
    await untilSteps(context, runs, 'three failed runs', (rows) => rows.every((row) => row.run_status === 'FAILED'))
    return {
      runs,
      symptoms: [
        `step_types: timeout_ms of ${TYPE} is ${TOO_SHORT_MS}`,
        `3 runs are FAILED with the reason "Worker timeout"; completed ${TYPE} steps took ${TRANSCODE_SECONDS * 1000} ms`,
        'every service is healthy',
        '"npx runbook trigger task-failure --input since=10m" finds them',
      ],
    }
  },
  async heal({ pool }) {
    const { timeoutMs } = STEP_TYPES[TYPE]!
    await setTimeoutMs(pool, timeoutMs)
    return `timeout_ms of ${TYPE} is ${timeoutMs} again; the failed jobs can be retried`
  },
  async isOn({ pool }) {
    const { rows } = await pool.query('SELECT 1 FROM step_types WHERE type = $1 AND timeout_ms <= $2', [
      TYPE,
      TOO_SHORT_MS,
    ])
    return rows.length > 0
  },
}

async function setTimeoutMs(pool: pg.Pool, timeoutMs: number): Promise<void> {
  await pool.query('UPDATE step_types SET timeout_ms = $2, updated_at = now() WHERE type = $1', [TYPE, timeoutMs])
}
