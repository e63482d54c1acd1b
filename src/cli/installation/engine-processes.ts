import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load-config.ts'
import { brokenRunbooks, loadCatalogue } from '../../engine/catalogue.ts'
import { freePort } from '../../stack/ports.ts'
import { Child } from './child.ts'
import { readEnvironmentFile, updateEnvironmentFile } from './environment-file.ts'
import { makeCredentials } from './make-credentials.ts'
import { packageRoot } from './package-root.ts'

/** The worker and the API of one folder. */
export interface EngineProcesses {
  worker: Child
  api: Child
  start(): Promise<void>
  stop(): Promise<void>
  /**
   * Ends both processes and starts them again with the present files. Creates the credentials that were added to the configuration since
   * the last start. If the configuration has an error, both processes keep running.
   */
  restart(): Promise<void>
}

const API_PORTS = [8080, 18080]
export const BIN = join(packageRoot(), 'bin')

export async function engineProcesses(root: string, log: (line: string) => void): Promise<EngineProcesses> {
  updateEnvironmentFile(root, { RUNBOOK_URL: await apiAddress(root) })
  const worker = processOf(root, 'worker', ['worker'], log)
  const api = processOf(root, 'api', ['serve'], log)
  const stop = async () => {
    await Promise.all([worker.stop(), api.stop()])
  }
  return {
    worker,
    api,
    stop,
    async start() {
      await Promise.all([worker.start(), api.start()])
      log(`worker and API: running, ${api.url}`)
    },
    async restart() {
      const config = readConfig(root, log)
      await reportBrokenRunbooks(config, log)
      log('worker and API: restarting')
      await stop()
      await Promise.all([worker.startAgain(), api.startAgain()])
      log(`worker and API: running again, ${api.url}`)
    },
  }
}

/** Reads the configuration, and creates the credentials that it names and that are not set. Throws `RUNBOOK_CONFIG`. */
export function readConfig(root: string, log: (line: string) => void): Config {
  const load = () => loadConfig({ cwd: root, env: installationEnvironment(root) })
  const { env, made } = makeCredentials(load(), installationEnvironment(root))
  updateEnvironmentFile(root, env)
  if (made.length > 0) log(`.runbook/env: made ${made.join(', ')}`)
  return load()
}

/**
 * Logs which runbooks have errors. They do not affect the other runbooks, so without this line nobody would notice before they are needed.
 */
export async function reportBrokenRunbooks(config: Config, log: (line: string) => void): Promise<void> {
  for (const broken of brokenRunbooks(config, await loadCatalogue(config)))
    log(`runbooks: not loaded: ${broken} ("runbook lint" shows all its errors)`)
}

/**
 * The variables of this installation: the environment of this process and `.runbook/env`, without variables that point to another Temporal
 * server.
 */
export function installationEnvironment(root: string): Record<string, string | undefined> {
  return withOwnTemporal(root, { ...process.env, ...readEnvironmentFile(root) })
}

/**
 * The environment of the worker and the API. It does not have the variables of `.runbook/env`: these processes read that file themselves,
 * and read it again when it changes. A variable in their environment would hide the change.
 */
function engineEnvironment(root: string): Record<string, string | undefined> {
  const inFile = readEnvironmentFile(root)
  const others = Object.entries(process.env).filter(([name]) => !Object.hasOwn(inFile, name))
  return withOwnTemporal(root, Object.fromEntries(others))
}

/** Variables that point to another Temporal server. They are left out, because the user's own profile may set them. */
const OTHER_TEMPORAL = ['TEMPORAL_PROFILE', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS']

function withOwnTemporal(root: string, env: Record<string, string | undefined>): Record<string, string | undefined> {
  const own = Object.entries(env).filter(([name]) => !OTHER_TEMPORAL.includes(name))
  // RUNBOOK_BUILT prevents a rebuild, which would mix two versions while this program is running.
  return { ...Object.fromEntries(own), TEMPORAL_CONFIG_FILE: temporalProfile(root), RUNBOOK_BUILT: '1' }
}

export function temporalProfile(root: string): string {
  return join(root, '.runbook', 'temporal.toml')
}

function processOf(root: string, name: string, argv: string[], log: (line: string) => void): Child {
  return new Child({
    name,
    argv: [join(BIN, 'runbook.js'), ...argv],
    cwd: root,
    env: () => engineEnvironment(root),
    logFile: join(root, '.runbook', 'logs', `${name}.log`),
    respawn: true,
    log,
  })
}

async function apiAddress(root: string): Promise<string> {
  const before = readEnvironmentFile(root).RUNBOOK_URL
  const port = await freePort(before ? [Number(new URL(before).port), ...API_PORTS] : API_PORTS)
  return `http://127.0.0.1:${port}`
}
