import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { parseDocument, type Document } from 'yaml'
import { makeRoot } from '../../src/cli/installation/make-root.ts'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import { startInstallation, type Installation } from '../../src/cli/installation/start-installation.ts'
import { main } from '../../src/cli/main.ts'
import { readWorkflow } from '../../src/history/incidents.ts'
import type { TestStack } from '../support/global-stack.ts'
import { registerNamespace } from '../support/namespace.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { startFakeSlack, type Slack } from './slack.ts'

/** Output and exit code of a command. */
export interface CommandResult {
  code: number
  out: string
  err: string
}

/**
 * The whole product in its own folder: real worker, API and Maestro processes. They use the servers of the test run, with their own
 * databases, Temporal namespace and Redis prefix. Tests use it like an operator, with commands.
 */
export interface World {
  installation: Installation
  slack: Slack
  /** Maestro's database, as a superuser. */
  maestro: pg.Pool
  /** The engine's database, as a superuser. */
  engine: pg.Pool
  /** Runs one `runbook` command in the folder, by default without a terminal. */
  runbook(argv: string[], terminalOptions?: Parameters<typeof fakeTerminal>[0]): Promise<CommandResult>
  /** Injects a fault and returns the ids of the runs that it started. */
  fault(name: string): Promise<string[]>
  close(): Promise<void>
}

export interface WorldOptions {
  /** Runbooks in addition to the product's, by file name. */
  runbooks?: Record<string, string>
  /** Environment variables in addition to those of the installation. */
  env?: Record<string, string>
  /** Changes the configuration before the processes start. */
  configure?(config: Document): void
}

export async function openWorld(
  stack: TestStack,
  { runbooks = {}, env = {}, configure = () => {} }: WorldOptions = {},
): Promise<World> {
  const name = `acc_${randomBytes(3).toString('hex')}`
  const prefix = name.replace('_', '-')
  const root = mkdtempSync(join(tmpdir(), 'runbook-acceptance-'))
  const slack = await startFakeSlack()
  await registerNamespace(stack.temporalAddress, prefix)
  makeRoot({ pattern: packageRoot(), root, maestroPrefix: prefix })
  addRunbooks(root, runbooks, configure)
  const names = { engine: `${name}_e`, maestro: `${name}_m` }
  const installation = await startInstallation({
    root,
    temporal: 'memory',
    maestro: true,
    stack: {
      postgres: { url: stack.postgresUrl },
      redis: { url: stack.redisUrl },
      temporal: { address: stack.temporalAddress, namespace: prefix },
    },
    names,
    env: {
      MAESTRO_PREFIX: prefix,
      MAESTRO_PORT: String(randomPort()),
      RUNBOOK_URL: `http://127.0.0.1:${randomPort()}`,
      SLACK_WEBHOOK: slack.url,
      ...env,
    },
    log: (line) => console.log(`  ${line}`),
  })
  const world = worldOf(installation, slack, names)
  return {
    ...world,
    async close() {
      await world.close()
      await slack.close()
      await deleteData(stack, names, prefix)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Wraps a running installation for tests. `close` stops it and keeps its data. */
export function worldOf(installation: Installation, slack: Slack, names: { engine: string; maestro: string }): World {
  const maestro = poolOf(installation.stack.postgres.url, names.maestro)
  const engine = poolOf(installation.stack.postgres.url, names.engine)
  return {
    installation,
    slack,
    maestro,
    engine,
    async runbook(argv, terminalOptions = {}) {
      const terminal = fakeTerminal({ cwd: installation.root, ...terminalOptions })
      const code = await main(argv, terminal)
      return { code, out: terminal.out, err: terminal.err }
    },
    async fault(fault) {
      const before = await runIds(maestro)
      await installation.maestro(['fault', fault])
      return (await runIds(maestro)).filter((id) => !before.includes(id))
    },
    async close() {
      await installation.stop()
      await Promise.all([maestro.end(), engine.end()])
    },
  }
}

/** The incident's workflow, which Temporal knows by the id in the engine's database. */
export async function workflowOf({ engine }: World, incident: string): Promise<{ workflowId: string; runId: string }> {
  const { workflowId, runId } = await readWorkflow(engine, incident)
  return { workflowId, runId: runId! }
}

function addRunbooks(root: string, runbooks: Record<string, string>, configure: (config: Document) => void): void {
  const folder = join(root, 'own-runbooks')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(runbooks)) writeFileSync(join(folder, name), text)
  const file = join(root, 'runbook.config.yaml')
  const config = parseDocument(readFileSync(file, 'utf8'))
  config.addIn(['runbooks'], folder)
  configure(config)
  writeFileSync(file, String(config))
}

/** A random port, one of 4,000, followed by free room for Maestro's other two ports. A collision is unlikely. */
export function randomPort(): number {
  return 20_000 + Math.floor(Math.random() * 4_000) * 5
}

function poolOf(superuserUrl: string, database: string): pg.Pool {
  const url = new URL(superuserUrl)
  url.pathname = `/${database}`
  const pool = new pg.Pool({ connectionString: url.href, max: 3 })
  pool.on('error', () => {})
  return pool
}

async function runIds(maestro: pg.Pool): Promise<string[]> {
  return (await maestro.query<{ id: string }>('SELECT id FROM runs ORDER BY created_at, id')).rows.map((row) => row.id)
}

/** Deletes the databases, keys and users. The servers belong to the whole test run and would keep them until its end. */
export async function deleteData(
  stack: TestStack,
  names: { engine: string; maestro: string },
  prefix: string,
): Promise<void> {
  const admin = new pg.Client({ connectionString: stack.postgresUrl })
  await admin.connect()
  for (const database of [names.engine, names.maestro])
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
  await admin.end()
  const redis = new Redis(stack.redisUrl)
  const keys = await redis.keys(`${prefix}:*`)
  if (keys.length > 0) await redis.del(...keys)
  const users = ((await redis.call('ACL', 'USERS')) as string[]).filter((user) => user.includes(prefix))
  if (users.length > 0) await redis.call('ACL', 'DELUSER', ...users)
  redis.disconnect()
}
