import { noopMetricMeter } from '@temporalio/common'
import { compileWorkerOptions } from '@temporalio/worker/lib/worker-options.js'
import { expect, test } from 'vitest'
import { WORKFLOW_WORKER } from '../../../src/temporal/worker.ts'
import { QUIET } from '../../support/quiet-temporal.ts'

test('the SDK follows the limit for the time of one workflow task, which it does not list in the type of its options', () => {
  const options = compileWorkerOptions({ taskQueue: 'test', ...WORKFLOW_WORKER }, QUIET, noopMetricMeter)
  expect(options.isolateExecutionTimeoutMs).toBe(60_000)
})
