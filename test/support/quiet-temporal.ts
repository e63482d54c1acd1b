import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker'

/** Logs only errors. */
export const QUIET = new DefaultLogger('ERROR')

/** Makes Temporal's SDK log only errors. Call it before the first worker of a test file. */
export function quietTemporal(): void {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' })
  Runtime.install({ logger: QUIET, telemetryOptions: { logging: { filter } } })
}
