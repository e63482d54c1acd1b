import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import type { LogsTarget } from './targets.ts'

export interface LogFile {
  file: string
  size: number
  mtimeMs: number
}

interface Found {
  path: string
  stats: Stats
}

/**
 * The files that match the target's patterns now, the most recently written first, and what could not be examined. A file with several
 * names, such as a link to the current one, is found once.
 */
export async function findLogFiles(
  target: Pick<LogsTarget, 'files'>,
): Promise<{ files: LogFile[]; problems: string[] }> {
  const problems = new Set<string>()
  const files = new Map<string, LogFile>()
  for (const pattern of target.files)
    for (const { path, stats } of await matching(pattern, (problem) => problems.add(problem))) {
      const { dev, ino, size, mtimeMs } = stats
      if (!stats.isFile()) problems.add(`cannot read ${path}: it is ${kindOf(stats)}, not a file`)
      else if (!files.has(`${dev}:${ino}`)) files.set(`${dev}:${ino}`, { file: path, size, mtimeMs })
    }
  return { files: [...files.values()].sort((a, b) => b.mtimeMs - a.mtimeMs), problems: [...problems] }
}

/** A folder that only a wildcard matches is ignored. A folder that the pattern itself names is a mistake. */
async function matching(pattern: string, report: (problem: string) => void): Promise<Found[]> {
  const note = (path: string) => (error: unknown) => {
    if (!isAbsent(error)) report(`cannot read ${path}: ${messageOf(error)}`)
    return undefined
  }
  const fixed = fixedFolder(pattern)
  if (await isMissing(fixed)) report(`cannot read ${pattern}: the folder ${fixed} does not exist`)
  const paths = await expand(pattern, note)
  const found = await Promise.all(paths.map(async (path) => ({ path, stats: await stat(path).catch(note(path)) })))
  const hasWildcard = /[*?][^/]*$/.test(pattern)
  return found.flatMap(({ path, stats }) =>
    stats === undefined || (hasWildcard && stats.isDirectory()) ? [] : [{ path, stats }],
  )
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a pipe'
  return stats.isSocket() ? 'a socket' : 'a device'
}

/** The folder that the pattern names without wildcards. */
function fixedFolder(pattern: string): string {
  const segments = pattern.split('/')
  const wild = segments.findIndex((segment) => /[*?]/.test(segment))
  return wild < 0 ? dirname(pattern) : segments.slice(0, wild).join('/') || '/'
}

async function isMissing(folder: string): Promise<boolean> {
  return stat(folder).then(() => false, isAbsent)
}

/** Whether the file was deleted in the meantime, or does not exist yet. */
function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

/** The paths that match a pattern with `*` and `?` within its segments. */
async function expand(pattern: string, note: (path: string) => (error: unknown) => undefined): Promise<string[]> {
  const [, ...segments] = pattern.split('/')
  let paths = ['/']
  for (const segment of segments) {
    if (!/[*?]/.test(segment)) {
      paths = paths.map((path) => join(path, segment))
      continue
    }
    const form = new RegExp(
      `^${segment
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*+/g, '.*')
        .replace(/\?/g, '.')}$`,
    )
    const children = await Promise.all(
      paths.map(async (path) => {
        const names = (await readdir(path).catch(note(path))) ?? []
        return names.filter((name) => form.test(name) && !name.startsWith('.')).map((name) => join(path, name))
      }),
    )
    paths = children.flat()
  }
  return paths
}
