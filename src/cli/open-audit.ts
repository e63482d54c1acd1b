import { loadConfig } from '../config/load-config.ts'
import { auditHistory, checkpointHistory, type AuditReport } from '../engine/audit/audit.ts'
import { readCheckpoint, type SignedCheckpoint } from '../engine/audit/checkpoint.ts'
import { openEngineKeyring } from '../engine/open-keyring.ts'
import { openDatabase } from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'
import { projectDirectory } from './address.ts'
import type { Terminal } from './terminal.ts'

/** The time limit for a statement. It is long because some statements read the whole history. */
const ANSWER_TIMEOUT_MS = 600_000

export interface AuditedHistory {
  /** `checkpoint` is the content of a checkpoint file. */
  verify(checkpoint: string | undefined): Promise<AuditReport>
  /** `before` is the content of an earlier checkpoint file, whose list of signatures is continued. */
  checkpoint(before: string | undefined): Promise<SignedCheckpoint>
  close(): Promise<void>
}

/** Opens the history in the database of the configuration. Throws `RUNBOOK_CONFIG`, `RUNBOOK_UNREACHABLE`. */
export async function openAudit({ cwd, env }: Terminal): Promise<AuditedHistory> {
  const config = loadConfig({ env, cwd: projectDirectory(cwd) })
  const keyring = openEngineKeyring(config)
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook audit',
    answerMs: ANSWER_TIMEOUT_MS,
  })
  const close = () => database.end()
  const read = (text: string | undefined) => (text === undefined ? undefined : readCheckpoint(text, keyring))
  try {
    await requireMigrated(database)
  } catch (error) {
    await close()
    throw error
  }
  return {
    verify: async (text) => auditHistory(database, keyring, read(text)),
    checkpoint: async (before) => checkpointHistory(database, keyring, read(before)),
    close,
  }
}
