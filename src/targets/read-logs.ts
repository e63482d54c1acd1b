import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogsTarget } from './targets.ts'

export interface LogTail {
  file: string
  /** In the file's order. */
  lines: string[]
  /** False when the beginning of the file was not read. */
  whole: boolean
}

const MAX_FILE_BYTES = 8 * 1024 * 1024
const MAX_BYTES = 32 * 1024 * 1024

/** The files that match the target's patterns now, the most recently written first. */
export async function findLogFiles(
  target: Pick<LogsTarget, 'files'>,
): Promise<{ file: string; size: number; mtimeMs: number }[]> {
  const found = new Set((await Promise.all(target.files.map(expand))).flat())
  const stats = await Promise.all(
    [...found].map(async (file) => ({ file, stats: await stat(file).catch(() => undefined) })),
  )
  return stats
    .flatMap(({ file, stats: s }) => (s?.isFile() ? [{ file, size: s.size, mtimeMs: s.mtimeMs }] : []))
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
}

/** The ends of log files, in the given order: at most 8 MB of each and 32 MB in total. `whole` is false where a part was not read. */
export async function* readLogTails(files: { file: string; size: number }[]): AsyncGenerator<LogTail> {
  let left = MAX_BYTES
  for (const { file, size } of files) {
    const length = Math.min(size, MAX_FILE_BYTES, left)
    left -= length
    const text = length > 0 ? await readEnd(file, size, length) : ''
    const lines = text.split('\n')
    // A part that begins in the middle of the file usually begins in the middle of a line.
    if (length < size) lines.shift()
    yield { file, lines: lines.filter((line) => line !== ''), whole: length === size }
  }
}

async function readEnd(file: string, size: number, length: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return ''
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The paths that match a pattern with `*` and `?` within its segments. */
async function expand(pattern: string): Promise<string[]> {
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
        .replace(/\*/g, '.*')
        .replace(/\?/g, '.')}$`,
    )
    const children = await Promise.all(
      paths.map(async (path) => {
        const names = await readdir(path).catch(() => [] as string[])
        return names.filter((name) => form.test(name) && !name.startsWith('.')).map((name) => join(path, name))
      }),
    )
    paths = children.flat()
  }
  return paths
}
