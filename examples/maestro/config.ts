import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MaestroError } from './errors.ts'

/** Maestro's configuration. All processes receive the same values through the environment. */
export interface MaestroConfig {
  /** URL of Maestro's own database. The user is the database's owner. */
  databaseUrl: string
  redisUrl: string
  /** Absolute path of the folder for `logs/*.jsonl`, `state.json` and `env`. */
  dir: string
  /** BullMQ prefix: keys are `<prefix>:<queue>:…`. */
  prefix: string
  queue: string
  /** First of three consecutive ports: orchestrator, ml-inference, supervisor. A port in use is replaced by a free one. */
  port: number
  /** Number of workers that `up` starts. */
  workers: number
  /** Number of jobs that one worker runs at the same time. */
  concurrency: number
}

type Environment = Record<string, string | undefined>

/**
 * Reads the configuration from the environment. Variables that are not set are read from `<cwd>/.runbook/env` (KEY=VALUE lines).
 * @throws MaestroError when an address is missing or is not on this machine, because Maestro injects faults.
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

/** The environment variables that pass a configuration to a Maestro process. */
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
    throw new MaestroError('usage', `${name} is not set: set it, or run "npm start", which writes it to .runbook/env`)
  }
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !protocols.includes(url.protocol)) {
    throw new MaestroError('usage', `${name} is not a ${protocols[0]}// address`)
  }
  // As in libpq, ?host= overrides the host and may be the folder of a Unix socket.
  const host = url.searchParams.get('host') ?? url.hostname
  const local = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]|::1|\/.*)$/.test(host)
  if (!local) {
    throw new MaestroError(
      'usage',
      `${name} points to ${host}: Maestro injects faults and accepts only servers on this machine`,
    )
  }
  return value
}

function wholeNumber(name: string, env: Environment, defaultValue: number, min: number, max: number): number {
  const text = env[name]
  if (text === undefined || text === '') return defaultValue
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new MaestroError('usage', `${name} is "${text}": use a whole number from ${min} to ${max}`)
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
