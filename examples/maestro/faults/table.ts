import { MaestroError } from '../errors.ts'
import { dependencyDown } from './dependency-down.ts'
import type { Fault } from './fault.ts'
import { poisonPill } from './poison-pill.ts'
import { queuePaused } from './queue-paused.ts'
import { stalledNobodyChecks } from './stalled-nobody-checks.ts'
import { timeoutTooShort } from './timeout-too-short.ts'
import { workersKilled } from './workers-killed.ts'

/** All faults. Each has the name of its cause in the runbooks. */
export const FAULTS: readonly Fault[] = [
  workersKilled,
  stalledNobodyChecks,
  dependencyDown,
  timeoutTooShort,
  queuePaused,
  poisonPill,
]

/** @throws MaestroError with the known names if there is no such fault */
export function findFault(name: string): Fault {
  const fault = FAULTS.find((one) => one.name === name)
  if (fault) return fault
  throw new MaestroError('usage', `unknown fault "${name}": use one of ${FAULTS.map((one) => one.name).join(', ')}`)
}
