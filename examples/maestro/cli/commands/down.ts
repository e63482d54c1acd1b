import type { MaestroConfig } from '../../config.ts'
import { MaestroError } from '../../errors.ts'
import { until } from '../../repeat.ts'
import { findControl } from '../../supervisor/control-client.ts'
import { lockHolder } from '../../supervisor/lock-file.ts'

const DOWN_WITHIN_MS = 30_000

/** Drains and ends everything; nothing to do if Maestro is not up. */
export async function down(config: MaestroConfig): Promise<string> {
  const control = await findControl(config.dir)
  if (!control) return 'Maestro is not up'
  await control.shutDown()
  await until(async () => (lockHolder(config.dir) === control.state.pid ? undefined : true), {
    withinMs: DOWN_WITHIN_MS,
    otherwise: () => new MaestroError('failed', `process ${control.state.pid} is still draining: try again`),
  })
  return 'Maestro is down'
}
