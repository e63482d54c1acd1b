import { MaestroError } from '../errors.ts'
import { dependencyDown } from './dependency-down.ts'
import type { Fault } from './fault.ts'
import { poisonPill } from './poison-pill.ts'
import { queuePaused } from './queue-paused.ts'
import { stalledNobodyChecks } from './stalled-nobody-checks.ts'
import { timeoutTooShort } from './timeout-too-short.ts'
import { workersKilled } from './workers-killed.ts'

/** Every fault, named like its cause. */
export const FAULTS: readonly Fault[] = [
  workersKilled,
  stalledNobodyChecks,
  dependencyDown,
  timeoutTooShort,
  queuePaused,
  poisonPill,
]

/** @throws MaestroError that lists the known names */
export function faultNamed(name: string): Fault {
  const fault = FAULTS.find((one) => one.name === name)
  if (fault) return fault
  throw new MaestroError('usage', `unknown fault "${name}": use one of ${FAULTS.map((one) => one.name).join(', ')}`)
}
