import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { parseDocument } from 'yaml'
import { makeRoot } from '../../src/cli/installation/make-root.ts'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import { startInstallation, type Installation } from '../../src/cli/installation/start-installation.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { openEngine, type Engine } from '../../src/engine/engine.ts'
import { provisionDatabase } from '../../src/engine/setup/provision.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import { startFakeSlack, type Slack } from '../acceptance/slack.ts'
import { pool } from '../support/effects-world.ts'
import { choosePorts, maestroPort } from './ports.ts'
import { startWorkerProcess, type WorkerOptions, type WorkerProcess } from './worker-process.ts'

/**
 * The product with its own servers, which tests kill: PostgreSQL, Redis, Temporal with its state on disk, and a running Maestro.
 * Tests start the workers. Triggers and decisions use an engine in the test's process, like the one of the API.
 */
export interface ChaosWorld {
  stack: Stack
  installation: Installation
  engine: Engine
  /** Maestro's database, as its owner. It also has a table `parts` and a table `change_log` with every change of a target. */
  maestro: pg.Pool
  startWorker(options?: WorkerOptions): WorkerProcess
  /** Environment variables that lead the worker's database connections through a proxy on another port. */
  throughProxy(port: number): Record<string, string>
  close(): Promise<void>
}

export async function openChaosWorld(): Promise<ChaosWorld> {
  const root = mkdtempSync(join(tmpdir(), 'runbook-chaos-'))
  const cleanups: (() => Promise<unknown> | void)[] = [
    () => rmSync(root, { recursive: true, force: true }),
    () => eraseStack(join(root, '.runbook')),
  ]
  const close = async () => {
    for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp()
  }
  try {
    const slack = await startFakeSlack()
    cleanups.push(() => slack.close())
    makeRoot({ pattern: packageRoot(), root, maestroPrefix: 'chaos' })
    addRunbooks(root)
    choosePorts(join(root, '.runbook'))
    const stack = await startStack({ dir: join(root, '.runbook'), temporal: 'file', log: () => {} })
    cleanups.push(() => stack.stop())
    const installation = await startInstalled(root, stack, slack)
    cleanups.push(() => installation.stop())
    // The installation restarts its own worker and API, so the tests use separate worker processes instead.
    await Promise.all([installation.worker.stop(), installation.api.stop()])
    const engine = await openEngine(loadConfig({ cwd: root, env: environmentOf(installation) }), { connections: 20 })
    cleanups.push(() => engine.close())
    const maestro = pool(installation.env.MAESTRO_DATABASE_URL!)
    cleanups.push(() => maestro.end())
    const workers = new Set<WorkerProcess>()
    cleanups.push(() => Promise.all([...workers].map((worker) => worker.stop())))
    return {
      stack,
      installation,
      engine,
      maestro,
      startWorker: (options = {}) => {
        const worker = startWorkerProcess(root, environmentOf(installation), options)
        workers.add(worker)
        return worker
      },
      throughProxy: (port) =>
        Object.fromEntries(
          ['RUNBOOK_DATABASE_URL', 'MAESTRO_DB_WRITE'].map((name) => [name, atPort(installation.env[name]!, port)]),
        ),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** `parts` must exist before the installation grants privileges on it. The triggers need Maestro's tables, so they are created afterwards. */
async function startInstalled(root: string, stack: Stack, slack: Slack): Promise<Installation> {
  await query(await provisionDatabase(stack.postgres.url, 'maestro', 'maestro'), PARTS)
  const installation = await startInstallation({
    root,
    temporal: 'file',
    maestro: true,
    stack,
    env: { SLACK_WEBHOOK: slack.url, MAESTRO_PREFIX: 'chaos', MAESTRO_PORT: String(maestroPort()) },
    log: () => {},
  })
  try {
    await query(installation.env.MAESTRO_DATABASE_URL!, CHANGE_LOG)
    return installation
  } catch (error) {
    await installation.stop()
    throw error
  }
}

const PARTS = 'CREATE TABLE parts (id text PRIMARY KEY, line text NOT NULL, state text NOT NULL)'

/** Triggers insert a row into `change_log` for each change by the engine, in the transaction of the change. */
const CHANGE_LOG = `
  CREATE TABLE change_log (id text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE FUNCTION log_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
    'BEGIN INSERT INTO change_log VALUES (NEW.id); RETURN NULL; END';
  CREATE TRIGGER log_change AFTER UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION log_change();
  CREATE TRIGGER log_change AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.failure_reason = 'Stalled') EXECUTE FUNCTION log_change();`

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(text)
  await client.end()
}

function addRunbooks(root: string): void {
  const file = join(root, 'runbook.config.yaml')
  const config = parseDocument(readFileSync(file, 'utf8'))
  config.addIn(['runbooks'], join(import.meta.dirname, 'runbooks'))
  writeFileSync(file, String(config))
}

function environmentOf({ root, env }: Installation): Record<string, string | undefined> {
  const all: Record<string, string | undefined> = { ...process.env, ...env }
  for (const name of ['TEMPORAL_PROFILE', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS', 'NODE_OPTIONS']) delete all[name]
  return { ...all, TEMPORAL_CONFIG_FILE: join(root, '.runbook/temporal.toml'), RUNBOOK_BUILT: '1' }
}

function atPort(url: string, port: number): string {
  const result = new URL(url)
  result.port = String(port)
  return result.href
}
