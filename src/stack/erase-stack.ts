import { rm } from 'node:fs/promises'
import { RunbookError } from '../core/errors.ts'
import { sharedDirFor } from './postgres-user.ts'
import { readRunningStack } from './stack-file.ts'
import { endOrphans } from './stack-run.ts'

/** Removes all data of a stopped stack, and ends servers that are still running because their stack was killed. For demos and tests. */
export async function eraseStack(dir: string): Promise<void> {
  const running = await readRunningStack(dir)
  if (running !== null)
    throw new RunbookError('RUNBOOK_CONFLICT', `The stack in ${dir} is running (pid ${running.pid}): stop it first`)
  await endOrphans(dir, () => {})
  await rm(sharedDirFor(dir), { recursive: true, force: true })
  await rm(dir, { recursive: true, force: true })
}
