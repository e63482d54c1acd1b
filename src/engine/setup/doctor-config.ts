import { whyUnreachable } from '../../config/channels.ts'
import { loadConfig } from '../../config/load-config.ts'
import type { Config } from '../../config/config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { messageOf } from '../../core/errors.ts'
import { withTimeout } from '../../core/abort.ts'
import { publicKeyOf } from '../../gate/keyring.ts'
import { openDatabase, type Database } from '../../history/database.ts'
import { requireMigrated } from '../../history/migrate.ts'
import { brokenRunbooks, loadCatalogue, type Catalogue, type EngineCatalogue } from '../catalogue.ts'
import { databaseSettingsFinding, readDatabaseSettings } from './doctor-database.ts'
import { doctorOutbox } from './doctor-outbox.ts'
import { POSTGRES_LIMITS, type PostgresLimits } from './doctor-connection-limits.ts'
import { checkGrants } from './doctor-access.ts'
import { doctorConnections } from './doctor-connections.ts'
import { doctorDetection } from './doctor-detection.ts'
import { checkHooks } from './doctor-hooks.ts'
import { doctorKeys } from './doctor-keys.ts'
import { checkPolicy } from './doctor-policy.ts'
import { reasonOf } from './doctor-reason.ts'
import { doctorTemporal } from './doctor-temporal.ts'
import { doctorWorkers } from './doctor-workers.ts'
import { openEngineKeyring } from '../open-keyring.ts'

const ANSWER_TIMEOUT_MS = 4_000

export interface DoctorOptions {
  cwd: string
  env: Record<string, string | undefined>
  /** Whether a missing worker is an error. If false, it is a warning. */
  workerExpected: boolean
  /** The command that starts the whole engine. Hints name it. */
  start: string
}

/** Checks the configuration, the engine's database, Temporal and its workers, the runbooks, every connection and channel. Changes nothing. */
export async function doctorConfig(options: DoctorOptions): Promise<DoctorFinding[]> {
  let config: Config
  try {
    config = loadConfig(options)
  } catch (error) {
    return [{ name: 'configuration', ok: false, detail: messageOf(error) }]
  }
  const temporal = doctorTemporal(config, options)
  const [catalogue, runbooks] = await checkRunbooks(config)
  const plans = catalogue?.runbooks.map(({ plan }) => plan)
  const [key, keys, database, { findings }, stalls, outbox, detection, connections] = await Promise.all([
    attempt('signing key', async () => signingKey(config)),
    // The checks of the signing key and of the engine's database say why keys cannot be checked.
    doctorKeys(config).catch(() => []),
    attempt('engine database', () => checkDatabase(config)),
    temporal,
    // The check of the engine's database says why it cannot be read.
    temporal.then(({ polling }) => doctorWorkers(config, polling ?? []).catch(() => [])),
    doctorOutbox(config).catch(() => []),
    doctorDetection(config).catch(() => []),
    temporal.then(async ({ polling }) =>
      // The check of the engine's database says why it cannot be read.
      doctorConnections(config, { workers: polling?.length }, plans, await ownLimits(config).catch(() => undefined)),
    ),
  ])
  return [
    ...config.warnings.map((detail) => ({ name: 'configuration', ok: false, detail })),
    key,
    ...keys,
    database,
    ...findings,
    ...stalls,
    ...outbox,
    ...detection,
    ...runbooks,
    ...connections,
    ...(catalogue
      ? [
          ...checkEscalation(config, catalogue),
          ...checkPolicy(config, catalogue),
          ...checkGrants(config, catalogue),
          ...checkHooks(config, catalogue),
        ]
      : []),
  ]
}

async function attempt(
  name: string,
  check: () => Promise<string | Omit<DoctorFinding, 'name'>>,
): Promise<DoctorFinding> {
  try {
    const found = await withTimeout(ANSWER_TIMEOUT_MS, check)
    return typeof found === 'string' ? { name, ok: true, detail: found } : { name, ...found }
  } catch (error) {
    return { name, ok: false, detail: reasonOf(error) }
  }
}

/** The public key, which must be added to `signing.previous` when the key is rotated. */
function signingKey(config: Config): string {
  openEngineKeyring(config)
  const { key, previous } = config.signing
  const before = previous.length > 0 ? `, and ${previous.length} previous` : ''
  return `${publicKeyOf(key.reveal())}${before}`
}

async function checkDatabase(config: Config): Promise<string | Omit<DoctorFinding, 'name'>> {
  return withOwnDatabase(config, async (database) => {
    await requireMigrated(database)
    return databaseSettingsFinding(await readDatabaseSettings(database)) ?? 'answers, up to date'
  })
}

/** Reads how many connections the engine's own database allows. */
async function ownLimits(config: Config): Promise<PostgresLimits> {
  return withOwnDatabase(config, async (database) => (await database.query<PostgresLimits>(POSTGRES_LIMITS)).rows[0]!)
}

async function withOwnDatabase<T>(config: Config, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook doctor',
    answerMs: ANSWER_TIMEOUT_MS - 500,
  })
  try {
    return await work(database)
  } finally {
    await database.end()
  }
}

async function checkRunbooks(config: Config): Promise<[EngineCatalogue | undefined, DoctorFinding[]]> {
  try {
    const catalogue = await loadCatalogue(config)
    const names = [...catalogue.byName.keys()]
    const count = `${names.length} runbook${names.length === 1 ? '' : 's'}`
    const broken = brokenRunbooks(config, catalogue).map((detail) => ({
      name: 'runbooks',
      ok: false,
      detail: `not loaded: ${detail}`,
      fix: '"runbook lint" shows all problems of the runbook',
    }))
    return [
      catalogue,
      [{ name: 'runbooks', ok: true, detail: [count, names.join(', ')].filter(Boolean).join(': ') }, ...broken],
    ]
  } catch (error) {
    return [undefined, [{ name: 'runbooks', ok: false, detail: reasonOf(error) }]]
  }
}

/**
 * Checks the names in `escalate.to`. Each is both a group, whose members may decide on an escalated gate, and a channel, which is notified.
 */
function checkEscalation(config: Config, catalogue: Catalogue): DoctorFinding[] {
  const configured = Object.values(config.people).flatMap((person) => person.groups)
  const groups = new Set([...configured, ...Object.keys(config.oidc?.groups ?? {})])
  const names = new Set([...catalogue.byName.values()].flatMap(({ plan }) => plan.escalate.to))
  return [...names].map((name) => {
    const hasMembers = groups.has(name)
    const unreachable = whyUnreachable(config, name)
    const found = { name: `escalation ${name}`, ok: hasMembers }
    if (unreachable === undefined)
      return { ...found, detail: hasMembers ? 'a group with members, and a channel' : 'the group has no members' }
    const detail = `${hasMembers ? '' : 'the group has no members; '}${unreachable}, so nobody is notified`
    const isNamed = Object.hasOwn(config.channels, name) || Object.hasOwn(config.groups, name)
    const fix = isNamed ? 'set it in the environment or in .runbook/env' : 'add the channel under channels'
    return { ...found, ...(hasMembers ? { warning: true } : {}), detail, fix }
  })
}
