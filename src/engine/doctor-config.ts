import { loadConfig } from '../config/load-config.ts'
import type { Config } from '../config/config.ts'
import { messageOf } from '../core/errors.ts'
import { publicKeyOf } from '../gate/keyring.ts'
import { openDatabase } from '../history/database.ts'
import { requireMigrated } from '../history/migrate.ts'
import { openTargets } from '../targets/open-targets.ts'
import { loadCatalogue, type Catalogue } from './catalogue.ts'
import { keyringOf } from './keyring-of.ts'

export interface ConfigFinding {
  name: string
  ok: boolean
  detail: string
  fix?: string
}

/** The configuration, the engine's database, the runbooks, every connection and channel. Changes nothing. */
export async function doctorConfig(cwd: string, env: Record<string, string | undefined>): Promise<ConfigFinding[]> {
  let config: Config
  try {
    config = loadConfig({ cwd, env })
  } catch (error) {
    return [{ name: 'configuration', ok: false, detail: messageOf(error) }]
  }
  const findings: ConfigFinding[] = config.warnings.map((detail) => ({ name: 'configuration', ok: false, detail }))
  findings.push(await attempt('signing key', async () => signingKey(config)))
  findings.push(await attempt('engine database', () => checkDatabase(config)))
  let catalogue: Catalogue | undefined
  findings.push(
    await attempt('runbooks', async () => {
      catalogue = await loadCatalogue(config)
      return `${catalogue.byName.size} runbooks: ${[...catalogue.byName.keys()].join(', ')}`
    }),
  )
  findings.push(...(await checkConnections(config)))
  if (catalogue) findings.push(...checkEscalation(config, catalogue))
  return findings
}

async function attempt(name: string, look: () => Promise<string>): Promise<ConfigFinding> {
  try {
    return { name, ok: true, detail: await look() }
  } catch (error) {
    return { name, ok: false, detail: messageOf(error) }
  }
}

/** Its public form is what becomes `signing.previous` when the key is changed. */
function signingKey(config: Config): string {
  keyringOf(config)
  const { key, previous } = config.signing
  const before = previous.length > 0 ? `, and ${previous.length} former` : ''
  return `${publicKeyOf(key.reveal())}${before}`
}

async function checkDatabase(config: Config): Promise<string> {
  const database = openDatabase(config.database.reveal(), { max: 1, name: 'runbook doctor' })
  try {
    await requireMigrated(database)
    return 'answers, and is up to date'
  } finally {
    await database.end()
  }
}

async function checkConnections(config: Config): Promise<ConfigFinding[]> {
  const targets = openTargets(config)
  try {
    return await Promise.all(
      Object.entries(config.connections).map(([name, connection]) =>
        attempt(`connection ${name}`, async () => {
          switch (connection.kind) {
            case 'postgres':
              await (await targets.postgres(name, 'read')).pool.query('SELECT 1')
              return connection.ledger === 'target'
                ? 'answers; effects are applied exactly once'
                : 'answers; no ledger: effects are applied at most once'
            case 'bullmq':
              await (await targets.bullmq(name, 'read')).redis.ping()
              return `answers; queue ${connection.prefix}:${connection.queue}`
            case 'redis':
              await (await targets.redis(name, 'read')).redis.ping()
              return 'answers'
            case 'http':
              await targets.http(name)
              return 'its host is known'
            case 'process':
              await targets.process(name)
              return `commands: ${Object.keys(connection.commands).join(', ')}`
            case 'logs':
              await targets.logs(name)
              return connection.files.join(', ')
          }
        }),
      ),
    )
  } finally {
    await targets.close()
  }
}

/** A name in `escalate.to` is a group, whose people may decide late, and a channel, which is told. */
function checkEscalation(config: Config, catalogue: Catalogue): ConfigFinding[] {
  const configured = Object.values(config.people).flatMap((person) => person.groups)
  const groups = new Set([...configured, ...Object.keys(config.oidc?.groups ?? {})])
  const names = new Set([...catalogue.byName.values()].flatMap(({ plan }) => plan.escalate.to))
  return [...names].map((name) => {
    const missing = [
      ...(groups.has(name) ? [] : ['nobody is in that group']),
      ...(config.channels[name]?.slack.known ? [] : ['no channel is configured']),
    ]
    const detail = missing.length === 0 ? 'a group with people, and a channel' : missing.join('; ')
    return { name: `escalation ${name}`, ok: groups.has(name), detail }
  })
}
