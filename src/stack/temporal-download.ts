import { createWriteStream } from 'node:fs'
import { chmod, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../core/errors.ts'
import { lastLine, runCommand } from './run-command.ts'
import { inWorkDir } from './work-dir.ts'

/** Where Temporal's SDKs get the dev server for their tests. `<service>/v1.2.3` answers with the archive and the file in it. */
const SERVICE = 'https://temporal.download/temporal-cli'

export interface DownloadOptions {
  /** The version to download, such as `1.9.1`. */
  version: string
  service?: string
  /** How long the service may take to name the archive. Where the network drops packets, every start would wait this long. */
  answerWithinMs?: number
  /** The download is given up if no byte arrives for this long. */
  silenceMs?: number
  log(line: string): void
}

/**
 * Downloads the `temporal` program from the place from which Temporal's SDKs download it. @returns null when the program is at `target`,
 * else the reason why it is not
 */
export async function downloadTemporal(target: string, options: DownloadOptions): Promise<string | null> {
  const { service = SERVICE, answerWithinMs = 3_000, silenceMs = 10_000 } = options
  try {
    return await inWorkDir(target, async (work) => {
      const url = archiveRequest(service, options.version)
      const { archiveUrl, fileToExtract } = await findArchive(url, answerWithinMs)
      const archive = join(work, 'archive')
      await download(archiveUrl, archive, silenceMs, options.log)
      const unpacked = await runCommand('tar', ['-xf', archive, '-C', work, '--', fileToExtract], {
        timeoutMs: 120_000,
      })
      if (unpacked.code !== 0) return `the archive could not be unpacked: ${lastLine(unpacked)}`
      await chmod(join(work, fileToExtract), 0o755)
      await rename(join(work, fileToExtract), target)
      return null
    })
  } catch (error) {
    return reasonOf(error)
  }
}

function archiveRequest(service: string, version: string): URL {
  const url = new URL(`${service}/v${version}`)
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  url.search = String(new URLSearchParams({ arch, platform: process.platform, format: 'tar.gz' }))
  return url
}

async function findArchive(url: URL, answerWithinMs: number): Promise<{ archiveUrl: string; fileToExtract: string }> {
  const limit = timeLimit(answerWithinMs, `${url.host} did not answer within ${answerWithinMs / 1000} s`)
  const { archiveUrl, fileToExtract } = await askForArchive(url, limit.signal).finally(limit.end)
  if (typeof archiveUrl !== 'string' || typeof fileToExtract !== 'string')
    throw new Error(`${url.host} named no archive`)
  // The name is passed to tar and joined to a local path, so it must not lead outside of the folder.
  if (basename(fileToExtract) !== fileToExtract)
    throw new Error(`${url.host} named a file outside of the archive's top folder: ${fileToExtract}`)
  return { archiveUrl, fileToExtract }
}

async function askForArchive(url: URL, signal: AbortSignal) {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`${url.host} answered ${response.status}`)
  return (await response.json()) as { archiveUrl?: unknown; fileToExtract?: unknown }
}

/** Downloads a file, and gives up if nothing arrives for `silenceMs`. */
async function download(url: string, file: string, silenceMs: number, log: (line: string) => void): Promise<void> {
  const silence = timeLimit(silenceMs, `nothing arrived for ${silenceMs / 1000} s`)
  try {
    const response = await fetch(url, { signal: silence.signal })
    if (!response.ok || response.body === null) throw new Error(`${new URL(url).host} answered ${response.status}`)
    const total = Number(response.headers.get('content-length'))
    log(`downloading from ${new URL(url).host}${total > 0 ? `, ${megabytes(total)}` : ''} …`)
    const counted = withProgress(response.body as ReadableStream<Uint8Array>, log, silence.restart)
    await pipeline(counted, createWriteStream(file), { signal: silence.signal })
  } finally {
    silence.end()
  }
}

/** A signal that aborts with `message` if `ms` pass without a call of `restart` or `end`. */
function timeLimit(ms: number, message: string) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error(message)), ms)
  return { signal: controller.signal, restart: () => void timer.refresh(), end: () => clearTimeout(timer) }
}

/** Passes the chunks on; calls `received` for each, and logs the size every 5 s. */
async function* withProgress(body: ReadableStream<Uint8Array>, log: (line: string) => void, received: () => void) {
  let bytes = 0
  let logged = Date.now()
  for await (const chunk of body) {
    bytes += chunk.length
    received()
    if (Date.now() - logged > 5_000) {
      logged = Date.now()
      log(`downloading … ${megabytes(bytes)}`)
    }
    yield chunk
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`
}

/** The message of fetch's error is only "fetch failed"; the cause of the error has the reason. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error)
}
