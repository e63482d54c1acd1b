import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../core/errors.ts'
import { encodingOf } from '../core/text-file.ts'
import type { LogFile } from './find-log-files.ts'

export interface LogTail {
  file: string
  /** When the file was last written, in milliseconds since 1970. */
  mtimeMs: number
  /** The lines in the file's order, without empty ones. They can be iterated only once. */
  lines: Iterable<string>
  /** Whether the file was read from its beginning. */
  whole: boolean
  /** Whether the last line may be incomplete: it has no line break, and the file was written a moment ago. */
  isGrowing: boolean
  /** Why nothing of the file was read, with the path of the file. */
  problem?: string
}

const MAX_FILE_BYTES = 8 * 1024 * 1024
const MAX_BYTES = 32 * 1024 * 1024
/**
 * How much of a compressed file's content is decompressed. The end of the content can be read only after everything before it was
 * decompressed.
 */
const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024
const GROWING_MS = 10_000

/** Formats of compression that are not supported, with the first bytes by which they are recognized. */
const COMPRESSED: [name: string, firstBytes: string][] = [
  ['zstd', '28b52ffd'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a'],
  ['zip', '504b0304'],
]

/**
 * The ends of log files, in the given order: at most 8 MB of each and 32 MB in total. gzip is decompressed. `whole` is false where a part
 * was not read; a file that cannot be read has a `problem`.
 */
export async function* readLogTails(files: LogFile[], signal?: AbortSignal): AsyncGenerator<LogTail> {
  let left = MAX_BYTES
  for (const { file, size, mtimeMs } of files) {
    signal?.throwIfAborted()
    const tail = await readTail(file, size, Math.min(MAX_FILE_BYTES, left), signal)
    if (typeof tail === 'string') {
      yield { file, mtimeMs, lines: [], whole: true, isGrowing: false, problem: `cannot read ${file}: ${tail}` }
      continue
    }
    left -= tail.size
    const { text } = tail
    // A part that begins in the middle of the file usually begins in the middle of a line.
    const start = tail.whole ? 0 : afterLineEnd(text)
    const isGrowing = start < text.length && !text.endsWith('\n') && Date.now() - mtimeMs < GROWING_MS
    yield { file, mtimeMs, lines: linesOf(text, start), whole: tail.whole, isGrowing }
  }
}

interface Tail {
  text: string
  /** The size of the file in bytes. */
  size: number
  whole: boolean
}

/** Reads the end of the file, or returns the reason why it cannot be read. */
async function readTail(
  file: string,
  size: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Tail | string> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, 'r')
    const start = Buffer.alloc(8)
    const { bytesRead } = await handle.read(start, 0, start.length, 0)
    const firstBytes = start.toString('hex', 0, bytesRead)
    if (firstBytes.startsWith('1f8b')) return await readCompressedEnd(file, length, signal)
    const compressed = COMPRESSED.find(([, bytes]) => firstBytes.startsWith(bytes))
    if (compressed) return `the file is compressed with ${compressed[0]}, which is not supported. Use gzip`
    const encoding = encodingOf(start.subarray(0, bytesRead))
    // In UTF-16, a character begins at an even offset.
    const from = Math.max(0, size - length) & (encoding === 'utf-8' ? ~0 : ~1)
    const part = Buffer.alloc(size - from)
    const read = await handle.read(part, 0, part.length, from)
    const bytes = part.subarray(0, read.bytesRead)
    return { text: new TextDecoder(encoding).decode(bytes), size: bytes.length, whole: from === 0 }
  } catch (error) {
    signal?.throwIfAborted()
    return messageOf(error)
  } finally {
    await handle?.close()
  }
}

async function readCompressedEnd(
  file: string,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Tail | string> {
  const source = createReadStream(file, { signal })
  const unpacked = source.pipe(createGunzip())
  source.on('error', (error) => unpacked.destroy(error))
  const chunks: Buffer[] = []
  let [kept, total] = [0, 0]
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      kept += chunk.length
      total += chunk.length
      if (total > MAX_DECOMPRESSED_BYTES) return 'the file has more than 64 MB of compressed lines'
      while (kept - chunks[0]!.length >= length) kept -= chunks.shift()!.length
    }
  } finally {
    source.destroy()
    unpacked.destroy()
  }
  const all = Buffer.concat(chunks)
  const bytes = all.subarray(Math.max(0, all.length - length))
  return { text: new TextDecoder().decode(bytes), size: bytes.length, whole: total <= length }
}

function afterLineEnd(text: string): number {
  const end = text.indexOf('\n')
  return end < 0 ? text.length : end + 1
}

/**
 * The lines are returned one at a time, because a list of millions of short lines would need many times the memory of
 * the text.
 */
function* linesOf(text: string, from: number): Generator<string> {
  for (let start = from, end = 0; start < text.length; start = end + 1) {
    end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    const line = text.slice(start, text[end - 1] === '\r' ? end - 1 : end)
    if (line !== '') yield line
  }
}
