import { resolve } from 'node:path'
import { messageOf } from '../core/errors.ts'
import { cacheDir } from './cache-dir.ts'
import { findExecutable } from './find-executable.ts'
import { isFree } from './ports.ts'
import { findPostgres } from './postgres-binaries.ts'
import { useGivenPostgres } from './postgres.ts'
import { REDIS_SERVERS, useGivenRedis } from './redis.ts'
import { readRunningStack } from './stack-file.ts'
import { findPresentTemporal } from './temporal-binary.ts'
import { useGivenTemporal } from './temporal.ts'
import { USUAL_PORTS } from './usual-ports.ts'

export interface Finding {
  name: string
  ok: boolean
  detail: string
  /** What to do when it is not ok. */
  fix?: string
}

/** What the stack in `dir` would be made of, and whether it runs. Starts, downloads, installs nothing. */
export async function doctorStack(dir: string): Promise<Finding[]> {
  return [
    node(),
    await postgres(),
    await redis(),
    await temporal(),
    await running(dir),
    ...((await readRunningStack(dir)) === null ? await ports() : []),
  ]
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 20 || (major === 20 && minor >= 19)
  return { name: 'Node', ok, detail: process.versions.node, ...(ok ? {} : { fix: 'install Node 20.19 or later' }) }
}

function postgres(): Promise<Finding> {
  return finding('PostgreSQL', 'unset RUNBOOK_POSTGRES_URL, or start that server', async () => {
    const given = process.env['RUNBOOK_POSTGRES_URL']
    if (given) return `${(await useGivenPostgres(given)).host}, given by RUNBOOK_POSTGRES_URL`
    const { version, from } = await findPostgres(null, () => undefined)
    return `${version} from ${from}`
  })
}

function redis(): Promise<Finding> {
  return finding('Redis', 'install redis or valkey, or set REDIS_URL to one on 127.0.0.1', async () => {
    const given = process.env['REDIS_URL']
    if (given) return `${new URL(await useGivenRedis(given)).host}, given by REDIS_URL`
    const path = await findExecutable(REDIS_SERVERS)
    if (path !== null) return path
    if (process.getuid?.() === 0 && (await findExecutable(['apt-get'])) !== null)
      return 'will be installed with apt-get'
    throw new Error(`neither ${REDIS_SERVERS.join(' nor ')} is on PATH`)
  })
}

function temporal(): Promise<Finding> {
  return finding('Temporal', 'put the `temporal` program on PATH: https://docs.temporal.io/cli', async () => {
    const given = process.env['TEMPORAL_ADDRESS']
    if (given) return `${await useGivenTemporal(given, 'default')}, given by TEMPORAL_ADDRESS`
    const present = await findPresentTemporal()
    if (present !== null) return `${present.path} (${present.from}, ${present.version})`
    const builder = await findExecutable(['go', 'python3'])
    const otherwise = builder === null ? '' : `, or built with ${builder} when that fails`
    return `not on PATH and not in ${cacheDir()}: will be downloaded at the first start${otherwise}`
  })
}

async function running(dir: string): Promise<Finding> {
  const stack = await readRunningStack(dir)
  if (stack === null) return { name: 'stack', ok: true, detail: `not running in ${resolve(dir)}` }
  const addresses = [stack.temporalAddress, stack.temporalUiUrl].filter((address) => address !== undefined)
  return {
    name: 'stack',
    ok: true,
    detail: `running in ${resolve(dir)} (pid ${stack.pid}); Temporal ${addresses.join(', UI ')}`,
  }
}

/** A taken port is no fault: another one is used then. */
async function ports(): Promise<Finding[]> {
  const taken: string[] = []
  for (const [name, [usual]] of Object.entries(USUAL_PORTS)) {
    if (!(await isFree(usual))) taken.push(`${usual} (${name})`)
  }
  const detail = taken.length === 0 ? 'the usual ones are free' : `taken, others will be used: ${taken.join(', ')}`
  return [{ name: 'ports', ok: true, detail }]
}

async function finding(name: string, fix: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { name, ok: true, detail: await look() }
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), fix }
  }
}
