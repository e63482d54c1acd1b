import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MaestroError } from './errors.ts'

/** Where Maestro finds its database, its Redis and its files. Every process gets the same one through the environment. */
export interface MaestroConfig {
  /** URL of Maestro's own database, as its owner. */
  databaseUrl: string
  redisUrl: string
  /** Absolute path: `logs/*.jsonl`, `state.json`, `env`. */
  dir: string
  /** BullMQ prefix: keys are `<prefix>:<queue>:…`. */
  prefix: string
  queue: string
  /** First of three ports that are tried: orchestrator, ml-inference, supervisor. A taken one is replaced by a free one. */
  port: number
  /** How many workers `up` starts. */
  workers: number
  /** Jobs that one worker carries out side by side. */
  concurrency: number
}

type Environment = Record<string, string | undefined>

/**
 * Reads the environment, with `<cwd>/.runbook/env` (KEY=VALUE lines) beneath it.
 * @throws MaestroError when an address is missing or is not on this machine: Maestro injects faults.
 */
export function readConfig(environment: Environment = process.env, cwd: string = process.cwd()): MaestroConfig {
  const env: Environment = { ...readEnvFile(join(cwd, '.runbook', 'env')), ...defined(environment) }
  const prefix = env.MAESTRO_PREFIX ?? 'maestro'
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(prefix)) {
    throw new MaestroError('usage', `MAESTRO_PREFIX is "${prefix}": use lower-case letters, digits and "-"`)
  }
  return {
    databaseUrl: localAddress('MAESTRO_DATABASE_URL', env, ['postgres:', 'postgresql:']),
    redisUrl: localAddress('MAESTRO_REDIS_URL', env, ['redis:']),
    dir: resolve(cwd, env.MAESTRO_DIR ?? join('.runbook', 'maestro')),
    prefix,
    queue: 'queue',
    port: wholeNumber('MAESTRO_PORT', env, 7400, 1024, 65_000),
    workers: wholeNumber('MAESTRO_WORKERS', env, 2, 1, 32),
    concurrency: wholeNumber('MAESTRO_CONCURRENCY', env, 2, 1, 32),
  }
}

/** The environment that hands a configuration on to a process of Maestro. */
export function configEnvironment(config: MaestroConfig): Record<string, string> {
  return {
    MAESTRO_DATABASE_URL: config.databaseUrl,
    MAESTRO_REDIS_URL: config.redisUrl,
    MAESTRO_DIR: config.dir,
    MAESTRO_PREFIX: config.prefix,
    MAESTRO_PORT: String(config.port),
    MAESTRO_WORKERS: String(config.workers),
    MAESTRO_CONCURRENCY: String(config.concurrency),
  }
}

function localAddress(name: string, env: Environment, protocols: string[]): string {
  const value = env[name]
  if (!value) {
    throw new MaestroError('usage', `${name} is not set: set it, or start the stack first, which writes .runbook/env`)
  }
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !protocols.includes(url.protocol)) {
    throw new MaestroError('usage', `${name} is not a ${protocols[0]}// address`)
  }
  // libpq style: ?host= overrides the host, and may be the folder of a Unix socket.
  const host = url.searchParams.get('host') ?? url.hostname
  const local = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]|::1|\/.*)$/.test(host)
  if (!local) {
    throw new MaestroError('usage', `${name} points to ${host}: Maestro injects faults and works on this machine only`)
  }
  return value
}

function wholeNumber(name: string, env: Environment, byDefault: number, least: number, most: number): number {
  const text = env[name]
  if (text === undefined || text === '') return byDefault
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new MaestroError('usage', `${name} is "${text}": use a whole number from ${least} to ${most}`)
  }
  return value
}

function readEnvFile(path: string): Environment {
  if (!existsSync(path)) return {}
  const env: Environment = {}
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const found = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (!found) continue
    const value = found[2]!.trim()
    env[found[1]!] = /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value
  }
  return env
}

function defined(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
}
