import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { parseEnvFile } from '../../config/environment.ts'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import { loadCatalogue } from '../../engine/catalogue.ts'
import { neededGrants } from '../../core/needed-grants.ts'
import { prepareConnection } from '../../engine/setup/prepare-connection.ts'
import { runCommand } from '../../stack/run-command.ts'
import { startStack } from '../../stack/stack.ts'
import type { Child } from './child.ts'
import {
  BIN,
  engineProcesses,
  installationEnvironment,
  readConfig,
  reportBrokenRunbooks,
  temporalProfile,
} from './engine-processes.ts'
import { readEnvironmentFile, updateEnvironmentFile } from './environment-file.ts'
import { provision, provisionMaestro, type InstallationNames, type Servers } from './provision.ts'

export interface InstallationOptions {
  /** The folder with `runbook.config.yaml` and `.runbook/`. */
  root: string
  /** Where Temporal keeps its state. With `file`, the state survives a stop. */
  temporal: 'file' | 'memory'
  /** Whether to start the example system too, with its processes and credentials. */
  maestro: boolean
  /** Running servers, which several installations can share. Default: an embedded stack is started, and ended by `stop`. */
  stack?: Servers
  names?: InstallationNames
  /** Variables that are written to `.runbook/env` before anything starts, such as ports or the webhook of a channel. */
  env?: Record<string, string>
  log(line: string): void
}

export interface Installation {
  root: string
  /** The variables in `.runbook/env`. */
  env: Record<string, string>
  stack: Servers
  worker: Child
  api: Child
  /** Restarts the worker and the API with the present files; the servers keep running. */
  restart(): Promise<void>
  maestro(argv: string[]): Promise<string>
  /** Ends the API and the worker, then the example system, then the servers. */
  stop(): Promise<void>
}

const NAMES: InstallationNames = { engine: 'runbook', maestro: 'maestro' }

/**
 * Starts everything in a folder: servers, databases and credentials, the example system, the worker and the API. What an earlier start
 * created is kept. If anything fails, everything that was started is ended again.
 */
export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { log } = options
  const root = resolve(options.root)
  mkdirSync(join(root, '.runbook', 'logs'), { recursive: true })
  writeFileSync(temporalProfile(root), '[profile.default]\n')
  updateEnvironmentFile(root, options.env ?? {})
  const config = readConfig(root, log)
  const database = variableOfDatabase(config)
  const cleanups: (() => Promise<unknown>)[] = []
  const interrupted = watchSignals(log)
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup().catch((error: unknown) => log(String(error)))
  }
  try {
    const stack = options.stack ?? (await startOwnStack(options, root, cleanups))
    interrupted.listen()
    await provision(root, stack, options.names ?? NAMES, database)
    interrupted.check()
    log('engine: database migrated')
    await reportBrokenRunbooks(config, log)
    const maestro = (argv: string[]) => maestroIn(root, argv)
    if (options.maestro) {
      await provisionMaestro(root, stack, options.names ?? NAMES)
      cleanups.push(() => maestro(['down']))
      await startMaestro(root, stack, maestro, log)
      interrupted.check()
    }
    const engine = await engineProcesses(root, log)
    cleanups.push(() => engine.stop())
    await engine.start()
    interrupted.check()
    const { worker, api, restart } = engine
    return { root, env: readEnvironmentFile(root), stack, worker, api, restart, maestro, stop }
  } catch (error) {
    await stop()
    throw error
  } finally {
    interrupted.forget()
  }
}

/** Returns the variable of the engine's database. The database is created here, so its address must be in a variable that can be set. */
function variableOfDatabase({ file, database }: Config): string {
  if (database.variable !== undefined) return database.variable
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `${file}: database is not one variable. Write \${RUNBOOK_DATABASE_URL} there: "runbook up" creates the database and sets the variable in .runbook/env.`,
  )
}

/**
 * Remembers a signal until `check` is called. While the servers start, the stack ends itself at a signal. Later, the present step is
 * finished first, because a process that is still starting cannot be ended.
 */
function watchSignals(log: (line: string) => void) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  let received: NodeJS.Signals | undefined
  const note = (signal: NodeJS.Signals) => {
    if (received === undefined) log('stopping …')
    received ??= signal
  }
  return {
    listen() {
      for (const signal of signals) process.on(signal, note)
    },
    check() {
      if (received !== undefined)
        throw new RunbookError('RUNBOOK_CONFLICT', `interrupted by ${received} while starting`)
    },
    forget() {
      for (const signal of signals) process.off(signal, note)
    },
  }
}

async function startOwnStack(
  { temporal, log }: InstallationOptions,
  root: string,
  cleanups: (() => Promise<unknown>)[],
): Promise<Servers> {
  const stack = await startStack({ dir: join(root, '.runbook'), temporal, ui: true, respawn: true, log })
  cleanups.push(() => stack.stop())
  return stack
}

async function startMaestro(
  root: string,
  stack: Servers,
  maestro: (argv: string[]) => Promise<string>,
  log: (line: string) => void,
): Promise<void> {
  log('maestro: starting')
  updateEnvironmentFile(root, { MAESTRO_DIR: join(root, '.runbook', 'maestro') })
  await maestro(['up'])
  updateEnvironmentFile(root, parseEnvFile(readFileSync(join(root, '.runbook', 'maestro', 'env'), 'utf8')))
  const config = loadConfig({ cwd: root, env: installationEnvironment(root) })
  const plans = [...(await loadCatalogue(config)).byName.values()].map(({ plan }) => plan)
  const databaseUrl = new URL(stack.postgres.url)
  databaseUrl.pathname = new URL(readEnvironmentFile(root).MAESTRO_DATABASE_URL!).pathname
  for (const [name, { kind }] of Object.entries(config.connections)) {
    if (kind !== 'postgres' && kind !== 'bullmq') continue
    const adminUrl = kind === 'postgres' ? databaseUrl.href : stack.redis.url
    const prepared = await prepareConnection(config, name, {
      adminUrl,
      grants: neededGrants(plans, name),
      // The example's own database, which nobody else uses.
      mayRevoke: async () => true,
    })
    updateEnvironmentFile(root, prepared.env)
    for (const warning of prepared.warnings) log(`${name}: ${warning}`)
  }
  log('maestro: running; credentials created: one set can only read, the other can apply remedies')
}

/**
 * Runs one command of this folder's example system.
 * @throws RunbookError RUNBOOK_UNREACHABLE with the command's output
 */
export async function maestroIn(root: string, argv: string[]): Promise<string> {
  const result = await runCommand(process.execPath, [join(BIN, 'maestro.js'), ...argv], {
    cwd: root,
    env: installationEnvironment(root),
    timeoutMs: 60_000,
  })
  if (result.code !== 0)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `maestro ${argv.join(' ')}: ${result.output.trim()}`)
  return result.output
}
