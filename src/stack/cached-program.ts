import { access, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir } from './cache-dir.ts'
import { findExecutable } from './find-executable.ts'
import { waitForLock } from './lock-file.ts'
import { lastLine, runCommand } from './run-command.ts'
import { removeWorkDirs } from './work-dir.ts'

type Log = (line: string) => void

/** A server program. It is used from PATH or from the cache, and downloaded or built into the cache if it is in neither. */
export interface Program {
  /** The program's name in log lines, such as `Temporal`. */
  title: string
  /** The beginning of the names of its files in the cache, such as `temporal`. */
  name: string
  /** The names to look for on PATH, the preferred one first. */
  onPath: readonly string[]
  /** The version that is downloaded. It has precedence over other versions in the cache. */
  pinned: string
  /** Finds the version in the output of `--version`. */
  versionPattern: RegExp
}

export interface FoundProgram {
  path: string
  /** Where the program came from: `PATH`, `cache`, or the way by which it was obtained. */
  from: string
  version: string
}

/** One way to obtain a program. */
export interface Way {
  /** The name in log lines, such as `Go on PATH`. */
  name: string
  /** The path where the program is now, or the reason why it could not be obtained, in one line. */
  obtain(): Promise<{ path: string } | { failed: string }>
}

/** A way that puts the program at `path`. `obtain` returns null, or the reason why it failed. */
export function wayTo(path: string, name: string, obtain: () => Promise<string | null>): Way {
  return {
    name,
    obtain: async () => {
      const failed = await obtain()
      return failed === null ? { path } : { failed }
    },
  }
}

export interface Ways {
  /** The ways to obtain the pinned version. Each of them writes the program to `pinnedPath`. */
  pinned: readonly Way[]
  /**
   * The ways that take long, need root or give another version. They are used only if the cache has no version at all.
   */
  other: readonly Way[]
}

/** How long another version in the cache is used after an attempt to obtain the pinned version failed. */
const TRY_AGAIN_MS = 24 * 3_600_000

export function pinnedPath(program: Program): string {
  return cachedPath(program.name, program.pinned)
}

export function cachedPath(name: string, version: string): string {
  return join(cacheDir(), `${name}-v${version}`)
}

/**
 * The program that would be used without obtaining a new one: the one on PATH, else the pinned version in the cache, else the newest
 * version there.
 */
export async function findPresent(program: Program): Promise<FoundProgram | null> {
  return (await findPreferred(program)) ?? (await findOtherVersion(program))
}

/**
 * Finds the program, or obtains it: PATH, the pinned version in the cache, the ways to the pinned version, another version in
 * the cache, the other ways. Logs what is used, and in one line each why a way failed.
 * @returns the program, or why each way failed
 */
export async function findOrObtain(
  program: Program,
  ways: Ways,
  log: Log,
): Promise<FoundProgram | { failures: string[] }> {
  const say = (line: string) => log(`${program.title}: ${line}`)
  const found = (await findPreferred(program)) ?? (await obtainUnderLock(program, ways, say))
  if (!('failures' in found)) say(`${found.path} (${found.from}, version ${found.version})`)
  return found
}

/** Only one process obtains a program at a time. A second process waits and then finds what the first one obtained. */
async function obtainUnderLock(program: Program, ways: Ways, say: Log): Promise<FoundProgram | { failures: string[] }> {
  await mkdir(cacheDir(), { recursive: true })
  const prefix = join(cacheDir(), program.name)
  const lock = await waitForLock(`${prefix}.lock`, (holder) =>
    say(`waiting for process ${holder.pid}, which is downloading or building it`),
  )
  try {
    const found = await findPreferred(program)
    if (found !== null) return found
    await removeWorkDirs(`${prefix}-`)
    return await obtainProgram(program, ways, say)
  } finally {
    await lock.release()
  }
}

async function obtainProgram(program: Program, ways: Ways, say: Log): Promise<FoundProgram | { failures: string[] }> {
  const failures: string[] = []
  const marker = `${pinnedPath(program)}.failed`
  const other = await findOtherVersion(program)
  if (other === null) say(`not on PATH and not in ${cacheDir()}`)
  else if (await isRecent(marker)) {
    say(`version ${program.pinned} could not be obtained in the last 24 hours; remove ${marker} to try again now`)
    return other
  } else say(`${other.path} is version ${other.version}: trying to get version ${program.pinned}`)
  const pinned = await tryWays(program, ways.pinned, failures, say)
  if (pinned !== null) {
    await rm(marker, { force: true })
    return pinned
  }
  await writeFile(marker, failures.join('\n'))
  return other ?? (await tryWays(program, ways.other, failures, say)) ?? { failures }
}

/** Tries each way in turn, until one of them gives a program that runs. */
async function tryWays(
  program: Program,
  ways: readonly Way[],
  failures: string[],
  say: Log,
): Promise<FoundProgram | null> {
  for (const way of ways) {
    const result = await tryWay(program, way)
    if ('path' in result) return result
    const failure = `${way.name}: ${result.failed}`
    say(failure)
    failures.push(failure)
  }
  return null
}

async function tryWay(program: Program, way: Way): Promise<FoundProgram | { failed: string }> {
  const obtained = await way.obtain()
  if ('failed' in obtained) return obtained
  const result = await versionOf(program, obtained.path)
  return 'failed' in result ? result : { path: obtained.path, from: way.name, version: result.version }
}

async function findPreferred(program: Program): Promise<FoundProgram | null> {
  for (const name of program.onPath) {
    const path = await findExecutable([name])
    const found = path === null ? null : await foundAt(program, path, 'PATH')
    if (found !== null) return found
  }
  return foundAt(program, pinnedPath(program), 'cache')
}

async function findOtherVersion(program: Program): Promise<FoundProgram | null> {
  const names = await readdir(cacheDir()).catch(() => [])
  const others = names
    .filter((name) => name.startsWith(`${program.name}-v`) && /-v[\d.]+(post\d+)?$/.test(name))
    .map((name) => join(cacheDir(), name))
    .filter((path) => path !== pinnedPath(program))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  for (const path of others) {
    const found = await foundAt(program, path, 'cache')
    if (found !== null) return found
  }
  return null
}

async function foundAt(program: Program, path: string, from: string): Promise<FoundProgram | null> {
  const result = await versionOf(program, path)
  return 'failed' in result ? null : { path, from, version: result.version }
}

async function versionOf(program: Program, path: string): Promise<{ version: string } | { failed: string }> {
  try {
    await access(path)
  } catch {
    return { failed: `${path} does not exist` }
  }
  const result = await runCommand(path, ['--version'], { timeoutMs: 20_000 })
  const version = program.versionPattern.exec(result.output)?.[1]
  return result.code === 0 && version !== undefined
    ? { version }
    : { failed: `${path} does not run: ${lastLine(result)}` }
}

async function isRecent(file: string): Promise<boolean> {
  const age = await stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  )
  return age < TRY_AGAIN_MS
}
