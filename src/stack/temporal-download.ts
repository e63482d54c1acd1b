import { createWriteStream } from 'node:fs'
import { mkdtemp, mkdir, rename, rm, chmod } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../core/errors.ts'
import { lastLine, runCommand } from './run-command.ts'

/** Where Temporal's SDKs get the dev server for their tests; the answer names the archive and the file in it. */
const SERVICE = 'https://temporal.download/temporal-cli/default'

export interface DownloadOptions {
  service?: string
  /** How long no byte may come before this way is given up. */
  patienceMs?: number
  log(line: string): void
}

/**
 * Downloads the `temporal` program that this version of the SDK asks for.
 * @returns null when it stands at `target`, else why not; never takes long when nothing answers
 */
export async function downloadTemporal(target: string, options: DownloadOptions): Promise<string | null> {
  const patience = options.patienceMs ?? 10_000
  const silence = new AbortController()
  const giveUp = () => silence.abort(new Error(`nothing came for ${patience / 1000} s`))
  const timer = setTimeout(giveUp, patience)
  await mkdir(dirname(target), { recursive: true })
  const work = await mkdtemp(join(dirname(target), 'download-'))
  try {
    const { archiveUrl, fileToExtract } = await askWhere(options.service ?? SERVICE, silence.signal)
    const archive = join(work, 'archive')
    await fetchTo(archive, archiveUrl, silence.signal, {
      received: () => timer.refresh(),
      log: options.log,
    })
    clearTimeout(timer)
    const unpacked = await runCommand('tar', ['-xf', archive, '-C', work, '--', fileToExtract], { timeoutMs: 120_000 })
    if (unpacked.code !== 0) return `the archive cannot be unpacked: ${lastLine(unpacked)}`
    await chmod(join(work, fileToExtract), 0o755)
    await rename(join(work, fileToExtract), target)
    return null
  } catch (error) {
    return reasonOf(error)
  } finally {
    clearTimeout(timer)
    await rm(work, { recursive: true, force: true })
  }
}

async function askWhere(service: string, signal: AbortSignal): Promise<{ archiveUrl: string; fileToExtract: string }> {
  const url = new URL(service)
  const sdk = createRequire(import.meta.url)('@temporalio/client/package.json') as { version: string }
  url.search = String(
    new URLSearchParams({
      arch: process.arch === 'x64' ? 'amd64' : process.arch,
      platform: process.platform,
      format: 'tar.gz',
      'sdk-name': 'sdk-typescript',
      'sdk-version': sdk.version,
    }),
  )
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`${url.host} answers ${response.status}`)
  const { archiveUrl, fileToExtract } = (await response.json()) as { archiveUrl?: unknown; fileToExtract?: unknown }
  if (typeof archiveUrl !== 'string' || typeof fileToExtract !== 'string')
    throw new Error(`${url.host} gives no archive`)
  // The name goes to tar and is joined to a path of ours.
  if (basename(fileToExtract) !== fileToExtract) throw new Error(`${url.host} names an odd file: ${fileToExtract}`)
  return { archiveUrl, fileToExtract }
}

async function fetchTo(
  file: string,
  url: string,
  signal: AbortSignal,
  on: { received(): void; log(line: string): void },
): Promise<void> {
  const response = await fetch(url, { signal })
  if (!response.ok || response.body === null) throw new Error(`${new URL(url).host} answers ${response.status}`)
  const total = Number(response.headers.get('content-length'))
  on.log(`downloading ${new URL(url).host}${total > 0 ? `, ${megabytes(total)}` : ''} …`)
  let bytes = 0
  let told = Date.now()
  async function* counted(body: ReadableStream<Uint8Array>) {
    for await (const chunk of body) {
      bytes += chunk.length
      on.received()
      if (Date.now() - told > 5_000) {
        told = Date.now()
        on.log(`downloading … ${megabytes(bytes)}`)
      }
      yield chunk
    }
  }
  await pipeline(counted(response.body as ReadableStream<Uint8Array>), createWriteStream(file), { signal })
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`
}

/** fetch says only "fetch failed"; the reason is its cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error)
}
