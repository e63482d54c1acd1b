import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker'

/** Lets only errors through. */
export const QUIET = new DefaultLogger('ERROR')

/** Before the first worker of a test file: of what Temporal's SDK tells, only errors are printed. */
export function quietTemporal(): void {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' })
  Runtime.install({ logger: QUIET, telemetryOptions: { logging: { filter } } })
}
