import { mkdir } from 'node:fs/promises'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { RunbookError } from '../core/errors.ts'
import { tryLock } from './lock-file.ts'
import { postgresSpec, postgresUrl, preparePostgres, useGivenPostgres } from './postgres.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { findRedis } from './redis-program.ts'
import { prepareRedis, redisSpec, redisUrl, useGivenRedis } from './redis.ts'
import type { ServiceControls, ServiceName } from './service.ts'
import { readRunningStack, stackSecrets } from './stack-file.ts'
import { StackRun, endOrphans, ownIdentity } from './stack-run.ts'
import { findTemporal } from './temporal-program.ts'
import { prepareTemporal, temporalSpec, useGivenTemporal } from './temporal.ts'
import type { SearchAttributeType } from './temporal.ts'
import { USUAL_PORTS } from './usual-ports.ts'

export interface StackOptions {
  /** The folder for data, logs, passwords and `stack.json`, such as `<cwd>/.runbook`. A folder has only one stack. */
  dir: string
  /** Called with one line for each decision and for progress. */
  log(line: string): void
  /** Whether Temporal's state survives a stop. */
  temporal: 'file' | 'memory'
  /** Whether to start Temporal's web UI. Default: false. */
  ui?: boolean
  /** The servers to start. Default: all three. */
  services?: readonly ServiceName[]
  /** Temporal's namespace, created if missing. Default `default`. */
  namespace?: string
  /** Search attributes that are registered in a Temporal server that the stack starts. */
  searchAttributes?: Readonly<Record<string, SearchAttributeType>>
  /** A server that ends by itself is started again, on the same port and data. Default false. */
  respawn?: boolean
}

export interface PostgresServer extends ServiceControls {
  /** The URL of a superuser. */
  readonly url: string
  readonly host: string
  readonly port: number
}

export interface RedisServer extends ServiceControls {
  /** The URL, with the name and password of a user with all permissions. */
  readonly url: string
}

export interface TemporalServer extends ServiceControls {
  /** The address as `host:port`. */
  readonly address: string
  readonly namespace: string
  readonly uiUrl?: string
  /** The `temporal` program; null for a server given by TEMPORAL_ADDRESS. */
  readonly binary: string | null
}

/** A running stack. Reading a server that is not among `services` throws. */
export interface Stack {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly temporal: TemporalServer
  /** Ends Temporal, Redis, PostgreSQL, in that order. Safe to call twice. */
  stop(): Promise<void>
}

const ALL_SERVICES: readonly ServiceName[] = ['postgres', 'redis', 'temporal']

/**
 * Starts PostgreSQL, Redis and Temporal on 127.0.0.1 and waits until all answer. If one cannot be started, the others are ended.
 * If RUNBOOK_POSTGRES_URL, REDIS_URL or TEMPORAL_ADDRESS is set, that server is used instead.
 *
 * SIGINT, SIGTERM and SIGHUP end the stack and the process, unless other code listens for the signal too: that code must call `stop`.
 * When the process exits, the servers are signalled in any case.
 *
 * @throws RunbookError RUNBOOK_CONFLICT when it is already running (`detail`: pid and addresses); RUNBOOK_UNREACHABLE when a server
 * cannot be started; RUNBOOK_CONFIG for a given address that is not on this machine
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dir = resolve(options.dir)
  await mkdir(join(dir, 'logs'), { recursive: true })
  const taken = await tryLock(join(dir, 'stack.lock'))
  if ('heldBy' in taken) throw await alreadyRunning(dir, taken.heldBy)
  const run = new StackRun(dir, options, await ownIdentity())
  const ignoreSignals = endOnSignals(run)
  const stop = async () => {
    await run.stop()
    ignoreSignals()
    await taken.lock.release()
  }
  try {
    await endOrphans(dir, options.log)
    const { postgres, redis, temporal } = await startServers(run, options)
    return {
      get postgres() {
        return postgres ?? notRequested('postgres')
      },
      get redis() {
        return redis ?? notRequested('redis')
      },
      get temporal() {
        return temporal ?? notRequested('temporal')
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Finds, downloads or builds every program before the first server is started: if one is missing, none is started. */
async function startServers(run: StackRun, options: StackOptions) {
  const wanted = options.services ?? ALL_SERVICES
  const ready = [
    wanted.includes('postgres') ? readyPostgres(run) : null,
    wanted.includes('redis') ? readyRedis(run) : null,
    wanted.includes('temporal') ? readyTemporal(run, options) : null,
  ] as const
  // All downloads must have ended before an error is thrown, because a download that continued would write to a folder that the caller may
  // delete.
  await Promise.allSettled(ready)
  const [postgres, redis, temporal] = await Promise.all(ready)
  const launched = [postgres?.(), redis?.(), temporal?.()] as const
  // All servers must have started or failed before an error is thrown, because the caller then stops the stack, and every process must be
  // recorded by then.
  await Promise.allSettled(launched)
  return { postgres: await launched[0], redis: await launched[1], temporal: await launched[2] }
}

async function readyPostgres(run: StackRun): Promise<() => Promise<PostgresServer>> {
  const given = process.env['RUNBOOK_POSTGRES_URL']
  if (given) {
    const server = await useGivenPostgres(given)
    run.log(`PostgreSQL: ${server.host}:${server.port}, given by RUNBOOK_POSTGRES_URL`)
    run.recordAddresses({ postgresUrl: given })
    return async () => withControls(server, notOurs('RUNBOOK_POSTGRES_URL'))
  }
  const { postgres: password } = await stackSecrets(run.dir)
  const plan = await preparePostgres(run.dir, password, run.log)
  return async () => {
    const { service, port } = await run.launch('postgres', USUAL_PORTS.postgres, (free) =>
      postgresSpec(plan, free, password),
    )
    const url = postgresUrl(port, password)
    run.log(`PostgreSQL: answers on 127.0.0.1:${port}`)
    run.recordAddresses({ postgresUrl: url })
    return withControls({ url, host: '127.0.0.1', port }, service)
  }
}

async function readyRedis(run: StackRun): Promise<() => Promise<RedisServer>> {
  const given = process.env['REDIS_URL']
  if (given) {
    const url = await useGivenRedis(given)
    run.log(`Redis: ${new URL(url).host}, given by REDIS_URL`)
    run.recordAddresses({ redisUrl: url })
    return async () => withControls({ url }, notOurs('REDIS_URL'))
  }
  const source = await findRedis(run.log)
  const { redis: password } = await stackSecrets(run.dir)
  const home = await prepareRedis(run.dir, password)
  return async () => {
    const { service, port } = await run.launch('redis', USUAL_PORTS.redis, (free) =>
      redisSpec(source, home, free, password),
    )
    const url = redisUrl(port, password)
    run.log(`Redis: answers on 127.0.0.1:${port}`)
    run.recordAddresses({ redisUrl: url })
    return withControls({ url }, service)
  }
}

async function readyTemporal(run: StackRun, options: StackOptions): Promise<() => Promise<TemporalServer>> {
  const namespace = options.namespace ?? 'default'
  const given = process.env['TEMPORAL_ADDRESS']
  if (given) {
    const address = await useGivenTemporal(given, namespace)
    run.log(`Temporal: ${address}, given by TEMPORAL_ADDRESS`)
    run.recordAddresses({ temporalAddress: address })
    return async () => withControls({ address, namespace, binary: null }, notOurs('TEMPORAL_ADDRESS'))
  }
  const binary = await findTemporal(run.log)
  const home = await prepareTemporal(run.dir)
  const uiPort = options.ui === true ? await run.port('ui', USUAL_PORTS.ui) : null
  const { searchAttributes = {} } = options
  const stateDir = options.temporal === 'file' ? home : null
  return async () => {
    const { service, port } = await run.launch('temporal', USUAL_PORTS.temporal, (free) =>
      temporalSpec({ binary, stateDir, port: free, uiPort, namespace, searchAttributes }, home),
    )
    const address = `127.0.0.1:${port}`
    const ui = uiPort === null ? {} : { uiUrl: `http://127.0.0.1:${uiPort}` }
    run.log(`Temporal: answers on ${address}${ui.uiUrl === undefined ? '' : `, UI ${ui.uiUrl}`}`)
    run.recordAddresses({ temporalAddress: address, ...(ui.uiUrl === undefined ? {} : { temporalUiUrl: ui.uiUrl }) })
    return withControls({ address, namespace, binary, ...ui }, service)
  }
}

/** The properties are copied in this way because a spread would lose the getters and `this` of `controls`. */
function withControls<T extends object>(facts: T, controls: ServiceControls): T & ServiceControls {
  return {
    ...facts,
    get pid() {
      return controls.pid
    },
    kill: () => controls.kill(),
    start: () => controls.start(),
    stop: () => controls.stop(),
    restart: () => controls.restart(),
  }
}

function notOurs(variable: string): ServiceControls {
  const refuse = () =>
    Promise.reject(
      new RunbookError(
        'RUNBOOK_CONFLICT',
        `the server given by ${variable} was not started here, so it cannot be stopped or started`,
      ),
    )
  return { pid: null, kill: refuse, start: refuse, stop: refuse, restart: refuse }
}

function notRequested(name: ServiceName): never {
  throw new Error(`${name} is not among the services of this stack`)
}

async function alreadyRunning(dir: string, holder: ProcessIdentity): Promise<RunbookError> {
  const running = await readRunningStack(dir)
  const addresses = Object.entries(running ?? {}).filter(
    ([name]) => name !== 'pid' && name !== 'postgresUrl' && name !== 'redisUrl',
  )
  const shown = addresses.map(([name, address]) => `${name} ${address}`).join(', ')
  return new RunbookError(
    'RUNBOOK_CONFLICT',
    `The stack in ${dir} is already running (pid ${holder.pid})${shown === '' ? '' : `: ${shown}`}. All its addresses are in ${join(dir, 'stack.json')}.`,
    { pid: holder.pid, ...running },
  )
}

/** @returns a function that removes the listeners */
function endOnSignals(run: StackRun): () => void {
  const onExit = () => run.signalAllNow()
  const onSignal = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) > 1) return
    void run.stop().finally(() => process.exit(128 + constants.signals[signal]))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  process.on('exit', onExit)
  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    process.off('exit', onExit)
    for (const signal of signals) process.off(signal, onSignal)
  }
}
