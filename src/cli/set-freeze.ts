import { userInfo } from 'node:os'
import { readEnvironment } from '../config/environment.ts'
import { RunbookError } from '../core/errors.ts'
import type { Frozen } from '../engine/freeze.ts'
import { projectDirectory } from './address.ts'
import type { Terminal } from './terminal.ts'

/**
 * Switches the freeze on or off as the user of this machine. Access to the engine's database is enough; no token is needed. Throws
 * `RUNBOOK_CONFIG`.
 */
export async function setFreeze({ cwd, env }: Terminal, on: boolean, reason: string): Promise<Frozen> {
  const { RUNBOOK_DATABASE_URL: url } = readEnvironment(projectDirectory(cwd), env).environment
  if (!url)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      "RUNBOOK_DATABASE_URL is not set. Set it to the address of the engine's PostgreSQL, in the environment or in .runbook/env.",
    )
  const { turnFreeze } = await import('../engine/freeze.ts')
  return turnFreeze(url, { on, person: userInfo().username, reason })
}
