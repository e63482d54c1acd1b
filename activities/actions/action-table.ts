import type { ActionImplementation } from '../../src/effects/action-implementation.ts'
import type { Action } from './action.ts'
import { bullmqQuarantineAction } from './bullmq-quarantine.ts'
import { bullmqResumeAction } from './bullmq-resume.ts'
import { bullmqRetryAction } from './bullmq-retry.ts'
import { httpRequestAction } from './http-request.ts'
import { manualAction } from './manual.ts'
import { notifyAction } from './notify.ts'
import { processRunAction } from './process-run.ts'
import { sqlExecuteAction } from './sql-execute.ts'
import { sqlUpdateAction } from './sql-update.ts'
import { workersScaleAction } from './workers-scale.ts'

/** Every action kind there is. */
export const ACTIONS: readonly Action[] = [
  sqlUpdateAction,
  sqlExecuteAction,
  bullmqResumeAction,
  bullmqRetryAction,
  bullmqQuarantineAction,
  processRunAction,
  workersScaleAction,
  httpRequestAction,
  notifyAction,
  manualAction,
]

/** How each kind is applied, for the executor. */
export const ACTION_IMPLEMENTATIONS: Record<string, ActionImplementation> = Object.fromEntries(
  ACTIONS.map((action) => [action.kind.name, action.implementation]),
)
