import type { MaestroConfig } from '../../config.ts'
import { MaestroError } from '../../errors.ts'
import { until } from '../../repeat.ts'
import { findControl } from '../../supervisor/control-client.ts'
import { lockHolder } from '../../supervisor/lock-file.ts'

const DOWN_TIMEOUT_MS = 30_000

/** Drains the workers and stops every process. Does nothing if Maestro is not running. */
export async function down(config: MaestroConfig): Promise<string> {
  const control = await findControl(config.dir)
  if (!control) return 'Maestro is not running'
  await control.shutDown()
  await until(async () => (lockHolder(config.dir) === control.state.pid ? undefined : true), {
    timeoutMs: DOWN_TIMEOUT_MS,
    timeoutError: () =>
      new MaestroError(
        'failed',
        `process ${control.state.pid} is still draining after ${DOWN_TIMEOUT_MS / 1000} s: run "maestro down" again`,
      ),
  })
  return 'Maestro is stopped'
}
