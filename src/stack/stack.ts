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
  /** Holds data, logs, passwords and `stack.json`, e.g. `<cwd>/.runbook`. One stack per folder. */
  dir: string
  /** Each choice and each progress, one line. */
  log(line: string): void
  /** Whether Temporal's state survives a stop. */
  temporal: 'file' | 'memory'
  /** Temporal's web UI. Default false. */
  ui?: boolean
  /** Default all three. */
  services?: readonly ServiceName[]
  /** Temporal's, made when missing. Default `default`. */
  namespace?: string
  /** Registered in a Temporal server that we start. */
  searchAttributes?: Readonly<Record<string, SearchAttributeType>>
  /** A server that ends by itself is started again, on the same port and data. Default false. */
  respawn?: boolean
}

export interface PostgresServer extends ServiceControls {
  /** A superuser's. */
  readonly url: string
  readonly host: string
  readonly port: number
}

export interface RedisServer extends ServiceControls {
  /** With the name and password of a user who may do everything. */
  readonly url: string
}

export interface TemporalServer extends ServiceControls {
  /** `host:port` */
  readonly address: string
  readonly namespace: string
  readonly uiUrl?: string
  /** The `temporal` program; null for a server given by TEMPORAL_ADDRESS. */
  readonly binary: string | null
}

/** Reading a server that was not asked for (`services`) throws. */
export interface Stack {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly temporal: TemporalServer
  /** Ends Temporal, Redis, PostgreSQL, in that order. Safe to call twice. */
  stop(): Promise<void>
}

const ALL_SERVICES: readonly ServiceName[] = ['postgres', 'redis', 'temporal']

/**
 * Starts PostgreSQL, Redis and Temporal on 127.0.0.1 and waits until all answer; when one cannot, the others are ended.
 * RUNBOOK_POSTGRES_URL, REDIS_URL and TEMPORAL_ADDRESS are used instead of servers of our own.
 *
 * SIGINT, SIGTERM and SIGHUP end the stack and the process, unless somebody else listens for them too: who does calls
 * `stop`. At the process's exit the servers are signalled in any case.
 *
 * @throws RunbookError RUNBOOK_CONFLICT when it runs already (`detail`: pid and addresses); RUNBOOK_UNREACHABLE when a
 * server cannot be had; RUNBOOK_CONFIG for a given address that is not on this machine
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
        return postgres ?? notAskedFor('postgres')
      },
      get redis() {
        return redis ?? notAskedFor('redis')
      },
      get temporal() {
        return temporal ?? notAskedFor('temporal')
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** First everything is found, downloaded, built: nothing shall run in vain when something cannot be had. */
async function startServers(run: StackRun, options: StackOptions) {
  const wanted = options.services ?? ALL_SERVICES
  const redis = wanted.includes('redis') ? await readyRedis(run) : null
  const postgres = wanted.includes('postgres') ? await readyPostgres(run) : null
  const temporal = wanted.includes('temporal') ? await readyTemporal(run, options) : null
  const launched = [postgres?.(), redis?.(), temporal?.()] as const
  // All are awaited before one's failure is told: who then stops the stack finds every process written down.
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

/** Without losing the controls' getters and `this`, which a spread would. */
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
    Promise.reject(new RunbookError('RUNBOOK_CONFLICT', `the server given by ${variable} is not ours to stop or start`))
  return { pid: null, kill: refuse, start: refuse, stop: refuse, restart: refuse }
}

function notAskedFor(name: ServiceName): never {
  throw new Error(`${name} is not among the services that this stack was asked for`)
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

/** @returns what takes the listeners away again */
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
