import { readdir } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { basename, join } from 'node:path'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { openEngine, type Engine } from '../src/engine/engine.ts'
import { provisionDatabase, provisionEngineDatabase } from '../src/engine/setup/provision.ts'
import { newSigningKey } from '../src/gate/keyring.ts'
import { eraseStack } from '../src/stack/erase-stack.ts'
import { readRunningStack } from '../src/stack/stack-file.ts'
import { startStack, type TemporalServer } from '../src/stack/stack.ts'
import { fillDiagnosed } from './diagnosed.ts'

export type TemporalKind = 'memory' | 'file'

/** Servers that only the bench uses. */
export interface BenchServers {
  /** A folder that is deleted at the end. */
  dir: string
  temporal: Pick<TemporalServer, 'address' | 'namespace'>
  /** The engine's database, with the login of its processes. */
  engineUrl: string
  /** The engine's database, with the login of a superuser, for filling it. */
  superuserUrl: string
  diagnosedUrl: string
  /** Adds what has to be ended before the servers; the last one is ended first. */
  onClose(end: () => Promise<unknown>): void
}

/** The credentials of the source of alerts. */
export const HOOK_BEARER = 'the-token-of-the-bench'

const DIRECTORY_PREFIX = 'bench-'

/** Starts servers in a new folder and works with them. At the end, and after a signal, they are stopped and their data is deleted. */
export async function withServers<T>(
  kind: TemporalKind,
  log: (line: string) => void,
  work: (servers: BenchServers) => Promise<T>,
): Promise<T> {
  return withFolder(kind, log, async (dir, cleanups) => work(await startServers(dir, kind, log, cleanups)))
}

/** Like `withServers`, with only a Redis. */
export async function withRedis<T>(log: (line: string) => void, work: (url: string) => Promise<T>): Promise<T> {
  return withFolder('redis', log, async (dir, cleanups) => {
    const stack = await startStack({ dir, temporal: 'memory', log, services: ['redis'] })
    cleanups.push(() => stack.stop())
    return work(stack.redis.url)
  })
}

async function withFolder<T>(
  name: string,
  log: (line: string) => void,
  work: (dir: string, cleanups: (() => Promise<unknown>)[]) => Promise<T>,
): Promise<T> {
  // The storage of the servers affects the results, so the bench must not use servers that are running already.
  for (const variable of ['TEMPORAL_ADDRESS', 'RUNBOOK_POSTGRES_URL', 'REDIS_URL']) delete process.env[variable]
  const parent = join(packageRoot(), '.runbook')
  await eraseLeftovers(parent)
  const dir = join(parent, `${DIRECTORY_PREFIX}${process.pid}-${name}`)
  const cleanups: (() => Promise<unknown>)[] = [() => eraseStack(dir)]
  const close = async () => {
    for (const cleanUp of cleanups.splice(0).reverse())
      await cleanUp().catch((error: unknown) => log(`error while stopping: ${String(error)}`))
  }
  const forget = closeOnSignal(close)
  try {
    return await work(dir, cleanups)
  } finally {
    forget()
    await close()
  }
}

async function startServers(
  dir: string,
  kind: TemporalKind,
  log: (line: string) => void,
  cleanups: (() => Promise<unknown>)[],
): Promise<BenchServers> {
  // A unique namespace, so that another Temporal server that takes the port first is not mistaken for this one.
  const namespace = basename(dir)
  const stack = await startStack({ dir, temporal: kind, namespace, log, services: ['postgres', 'temporal'] })
  cleanups.push(() => stack.stop())
  const { applicationUrl } = await provisionEngineDatabase(stack.postgres.url, {
    database: 'bench_engine',
    owner: 'bench_owner',
    application: 'bench_application',
  })
  const superuser = new URL(stack.postgres.url)
  superuser.pathname = '/bench_engine'
  const diagnosedUrl = await provisionDatabase(stack.postgres.url, 'bench_diagnosed', 'bench_diagnosed')
  await fillDiagnosed(diagnosedUrl)
  return {
    ...{ dir, temporal: stack.temporal, engineUrl: applicationUrl, superuserUrl: superuser.href, diagnosedUrl },
    onClose: (end) => void cleanups.push(end),
  }
}

/** An engine on these servers with a configuration file that refers to them as `${RUNBOOK_DATABASE_URL}` and `${BENCH_DB_READ}`. */
export async function openBenchEngine(
  { engineUrl, diagnosedUrl, temporal }: Pick<BenchServers, 'engineUrl' | 'diagnosedUrl' | 'temporal'>,
  file: string,
): Promise<Engine> {
  const { address, namespace } = temporal
  const env = { RUNBOOK_DATABASE_URL: engineUrl, BENCH_DB_READ: diagnosedUrl, RUNBOOK_SIGNING_KEY: newSigningKey() }
  const config = loadConfig({ file, env: { ...env, HOOK_BEARER } })
  const engine = await openEngine({ ...config, temporal: { ...config.temporal, address, namespace } })
  const [problem] = engine.catalogue.problems
  if (problem) throw new Error(`${problem.file}:${problem.line}: ${problem.message}`)
  return engine
}

/** On a signal the stack stops its servers but keeps their data, so the bench closes everything first. */
function closeOnSignal(close: () => Promise<void>): () => void {
  let isClosing = false
  const interrupted = (signal: NodeJS.Signals) => {
    // The terminal and npm both send SIGINT on Ctrl-C.
    if (isClosing) return
    isClosing = true
    // Running measurements lose their connections, and Temporal's client reports that as uncaught exceptions from timers.
    process.on('uncaughtException', () => {})
    void close().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  }
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted)
  return () => void process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
}

/** Deletes the data of earlier runs that were killed. */
async function eraseLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const dir = join(parent, name)
    if (name.startsWith(DIRECTORY_PREFIX) && (await readRunningStack(dir)) === null) await eraseStack(dir)
  }
}

export function machine(): string {
  const cores = cpus()
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}, Node ${process.versions.node}; load ${loadavg()[0]!.toFixed(1)} at the end`
}
