import type { Config } from '../config/config.ts'
import { defined } from '../core/defined.ts'
import type { FileStatus } from '../core/file-status.ts'
import type { People } from '../core/person.ts'
import type { Keyring } from '../gate/keyring.ts'
import { openDatabase, type Database } from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'
import { readEnvironment } from '../config/environment.ts'
import { brokenRunbooks, loadCatalogue, type EngineCatalogue } from './catalogue.ts'
import { openEngineKeyring } from './open-keyring.ts'
import { peopleOf } from './people.ts'
import { openTargets } from '../targets/open-targets.ts'
import type { Targets } from '../targets/targets.ts'
import { connectTemporal, type Temporal, type TemporalAddress } from '../temporal/connect.ts'

/** The dependencies of the use cases. A process replaces its engine when runbooks or configuration change (`reload.ts`). */
export interface Engine {
  config: Config
  database: Database
  temporal: Temporal
  catalogue: EngineCatalogue
  files: FileStatus
  people: People
  keyring: Keyring
  targets: Targets
  /** Closes the database, Temporal and the targets that the engine was opened with. */
  close(): Promise<void>
}

/** The maximum number of connections to the engine's database for one process of each kind. */
export const ENGINE_POOL = { worker: 20, api: 10 } as const

/**
 * Opens the database and Temporal, and compiles the runbooks. Throws `RUNBOOK_UNREACHABLE`, `RUNBOOK_CONFIG` (also if a migration of the
 * database is missing) or `RUNBOOK_INVALID_RUNBOOK`; then everything opened so far is closed.
 */
export async function openEngine(
  config: Config,
  options: { name?: string; connections?: number; answerMs?: number } = {},
): Promise<Engine> {
  const people = peopleOf(config)
  const keyring = openEngineKeyring(config)
  const catalogue = await loadCatalogue(config)
  const files = { loadedAt: new Date().toISOString(), problems: brokenRunbooks(config, catalogue), restart: [] }
  const database = openDatabase(config.database.reveal(), {
    name: options.name ?? 'runbook',
    max: options.connections ?? ENGINE_POOL.api,
    ...defined({ answerMs: options.answerMs }),
  })
  const targets = openTargets(config)
  let temporal: Temporal | undefined
  const close = async () => {
    await temporal?.close().catch(() => {})
    await targets.close()
    await database.end()
  }
  try {
    await requireMigrated(database)
    temporal = await connectTemporal(temporalAddress(config))
  } catch (error) {
    await close()
    throw error
  }
  return { config, database, temporal, catalogue, files, people, keyring, targets, close }
}

/**
 * The address of Temporal. Temporal's own environment variables are also read from `.runbook/env`, because the embedded
 * stack writes them there.
 */
export function temporalAddress(config: Config): TemporalAddress {
  const { environment } = readEnvironment(config.directory, process.env)
  const temporalVariables = Object.entries(environment).filter(([name]) => name.startsWith('TEMPORAL_'))
  return { ...config.temporal, environment: Object.fromEntries(temporalVariables) }
}
