import type { Settlement } from '../src/core/decision.ts'
import { isRunbookError } from '../src/core/errors.ts'
import { decideByToken } from '../src/gate/decide.ts'
import { settleGate } from '../src/gate/settle.ts'
import type { ActivityDependencies } from './dependencies.ts'

/**
 * What has become of a gate. Tokens that came with signals are taken through the one decide function first; one that is refused
 * there has been recorded, and changes nothing.
 */
export async function settle(
  { database, keyring, people }: ActivityDependencies,
  gate: string,
  tokens: string[],
): Promise<Settlement> {
  for (const token of tokens)
    await decideByToken({ database, keyring, people, ring: async () => {} }, token).catch((error: unknown) => {
      if (!isRunbookError(error) || error.code === 'RUNBOOK_UNREACHABLE') throw error
    })
  return settleGate(database, gate)
}
