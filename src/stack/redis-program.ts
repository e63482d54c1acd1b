import { RunbookError } from '../core/errors.ts'
import {
  findOrObtain,
  findPresent,
  pinnedPath,
  type FoundProgram,
  type Program,
  type Way,
  wayTo,
} from './cached-program.ts'
import { findExecutable } from './find-executable.ts'
import { downloadWheel } from './pinned-wheel.ts'
import { REDIS_IMAGE, type RedisSource } from './redis.ts'
import { lastLine, runCommand } from './run-command.ts'
import { installDebianPackage } from './system-packages.ts'
import { VALKEY_WHEEL } from './wheels.ts'

type Log = (line: string) => void

/** Valkey is used like Redis. If both are on PATH, Redis is used. */
const REDIS: Program = {
  title: 'Redis',
  name: 'valkey',
  onPath: ['redis-server', 'valkey-server'],
  pinned: VALKEY_WHEEL.version,
  versionPattern: /(?:Redis|Valkey) server v=(\S+)/,
}

/** Finds a Redis server to start: on PATH, in the cache, else downloaded, else from the system's packages, else with Docker. */
export async function findRedis(log: Log): Promise<RedisSource> {
  const say = (line: string) => log(`Redis: ${line}`)
  const found = await findOrObtain(REDIS, { pinned: [wheel(say)], other: [systemPackage(say)] }, log)
  if ('path' in found) return { kind: 'program', path: found.path }
  const docker = await findDocker()
  if ('path' in docker) {
    say(`the image ${REDIS_IMAGE} with Docker (untested)`)
    return { kind: 'docker', path: docker.path }
  }
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    [
      'No Redis to start:',
      `  ${REDIS.onPath.join(', ')}: not on PATH`,
      ...found.failures.map((failure) => `  ${failure}`),
      `  Docker: ${docker.failed}`,
      'Debian, Ubuntu: sudo apt-get install redis-server',
      'Fedora:         sudo dnf install valkey',
      'Alpine:         sudo apk add redis',
      'macOS:          brew install redis',
      'any system:     install Python 3 with pip, or set REDIS_URL to a Redis on 127.0.0.1 that may be used for tests',
    ].join('\n'),
  )
}

export function findPresentRedis(): Promise<FoundProgram | null> {
  return findPresent(REDIS)
}

/**
 * Downloads a Python package that contains Valkey. Python itself is not installed for this, because on a system where Python can be
 * installed, Redis can be installed too.
 */
function wheel(say: Log): Way {
  const target = pinnedPath(REDIS)
  return wayTo(target, `the Python package ${VALKEY_WHEEL.package}`, () =>
    downloadWheel(VALKEY_WHEEL, target, { mayInstallPython: false, log: say }),
  )
}

function systemPackage(say: Log): Way {
  return {
    name: 'the system package redis-server',
    obtain: async () => {
      const failed = await installDebianPackage('redis-server', say)
      if (failed !== null) return { failed }
      const path = await findExecutable(REDIS.onPath)
      return path === null ? { failed: 'installed, but not on PATH' } : { path }
    },
  }
}

async function findDocker(): Promise<{ path: string } | { failed: string }> {
  const path = await findExecutable(['docker'])
  if (path === null) return { failed: 'not on PATH' }
  const daemon = await runCommand(path, ['info'], { timeoutMs: 10_000 })
  return daemon.code === 0 ? { path } : { failed: lastLine(daemon) }
}
