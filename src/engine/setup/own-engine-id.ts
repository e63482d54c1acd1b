import { loadConfig } from '../../config/load-config.ts'
import { openDatabase } from '../../history/database.ts'
import { engineId } from '../../history/engine-id.ts'

const ANSWER_TIMEOUT_MS = 4_000

/**
 * The id of the engine whose database the configuration names; undefined if it cannot be read. Other checks of the doctor report the
 * reason.
 */
export async function ownEngineId(options: {
  cwd: string
  env: Record<string, string | undefined>
}): Promise<string | undefined> {
  try {
    const database = openDatabase(loadConfig(options).database.reveal(), {
      max: 1,
      name: 'runbook doctor',
      answerMs: ANSWER_TIMEOUT_MS,
    })
    return await engineId(database).finally(() => database.end())
  } catch {
    return undefined
  }
}
