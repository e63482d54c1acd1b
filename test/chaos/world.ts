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
import { choosePorts } from './ports.ts'
import { startWorkerProcess, type WorkerOptions, type WorkerProcess } from './worker-process.ts'

/**
 * The product with servers of its own, which tests kill: PostgreSQL, Redis, a Temporal whose state is on the disk, a running Maestro.
 * Workers run when a test says so. People and triggers use the engine in this process, as the API's process does.
 */
export interface ChaosWorld {
  stack: Stack
  installation: Installation
  engine: Engine
  /** Maestro's database, as its owner, with a table `parts`, and a table `touched` that says what was changed. */
  maestro: pg.Pool
  startWorker(options?: WorkerOptions): WorkerProcess
  /** Puts the worker's connections on another port of this machine. */
  through(port: number): Record<string, string>
  close(): Promise<void>
}

export async function openChaosWorld(): Promise<ChaosWorld> {
  const root = mkdtempSync(join(tmpdir(), 'runbook-chaos-'))
  const ending: (() => Promise<unknown> | void)[] = [
    () => rmSync(root, { recursive: true, force: true }),
    () => eraseStack(join(root, '.runbook')),
  ]
  const close = async () => {
    for (const end of ending.splice(0).reverse()) await end()
  }
  try {
    const slack = await startFakeSlack()
    ending.push(() => slack.close())
    makeRoot({ pattern: packageRoot(), root, maestroPrefix: 'chaos' })
    addRunbooks(root)
    choosePorts(join(root, '.runbook'))
    const stack = await startStack({ dir: join(root, '.runbook'), temporal: 'file', log: () => {} })
    ending.push(() => stack.stop())
    const installation = await startInstalled(root, stack, slack)
    ending.push(() => installation.stop())
    // Those that start again by themselves are not what is killed here.
    await Promise.all([installation.worker.stop(), installation.api.stop()])
    const engine = await openEngine(loadConfig({ cwd: root, env: environmentOf(installation) }), { connections: 20 })
    ending.push(() => engine.close())
    const maestro = pool(installation.env.MAESTRO_DATABASE_URL!)
    ending.push(() => maestro.end())
    const workers = new Set<WorkerProcess>()
    ending.push(() => Promise.all([...workers].map((worker) => worker.stop())))
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
      through: (port) =>
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

/** The table must be there before rights on it are granted, and Maestro's own before the trigger can be made. */
async function startInstalled(root: string, stack: Stack, slack: Slack): Promise<Installation> {
  await query(await provisionDatabase(stack.postgres.url, 'maestro', 'maestro'), PARTS)
  const installation = await startInstallation({
    root,
    temporal: 'file',
    maestro: true,
    stack,
    env: { SLACK_WEBHOOK: slack.url, MAESTRO_PREFIX: 'chaos' },
    log: () => {},
  })
  try {
    await query(installation.env.MAESTRO_DATABASE_URL!, TOUCHED)
    return installation
  } catch (error) {
    await installation.stop()
    throw error
  }
}

const PARTS = 'CREATE TABLE parts (id text PRIMARY KEY, line text NOT NULL, state text NOT NULL)'

/** Every change that the engine makes leaves a row here, in the target itself and in the change's own transaction. */
const TOUCHED = `
  CREATE TABLE touched (id text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
    'BEGIN INSERT INTO touched VALUES (NEW.id); RETURN NULL; END';
  CREATE TRIGGER touch AFTER UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE TRIGGER touch AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.failure_reason = 'Stalled') EXECUTE FUNCTION touch();`

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
  const made = new URL(url)
  made.port = String(port)
  return made.href
}
