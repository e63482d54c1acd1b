import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { RunbookError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { CommandNotStarted, superviseCommand } from './supervised-command.ts'
import { startWithin, type StartBy } from './start-by.ts'
import type { ProcessTarget } from './targets.ts'

export interface CommandResult {
  /** The exit code; null if a signal ended the command. */
  exitCode: number | null
  signal: string | null
  /** The end of the command's output, at most 16 kB of each stream, because errors are usually at the end. */
  stdout: string
  stderr: string
  truncated: boolean
  timedOut: boolean
  durationMs: number
}

const MAX_OUTPUT_BYTES = 16 * 1024
/** How long output is read after the program has ended. A child process of the program may keep the pipe open for ever. */
const DRAIN_TIMEOUT_MS = 200
/** After that time, output that has already arrived is still read, for at most this many turns of the event loop. */
const MAX_DRAIN_TURNS = 32

/** A placeholder. It is a whole argument or a part of one, such as `worker={replicas:int}`. */
const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*):(int|word)\}/g
/** The allowed values of each type. No value may begin with a dash, so that a value never becomes an option. */
const FORMS = { int: /^[0-9]{1,9}$/, word: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/ }

/**
 * A command's argv with its placeholders filled. Throws RunbookError `RUNBOOK_BAD_INPUT` for an unknown command, and for a value that
 * is missing, has no placeholder, or does not have the placeholder's form.
 */
export function renderCommand(target: ProcessTarget, name: string, values: Record<string, Json>): string[] {
  const argv = Object.hasOwn(target.commands, name) ? target.commands[name] : undefined
  const known = Object.keys(target.commands).join(', ')
  if (!argv)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `connection ${target.connection} has no command "${name}". Its commands: ${known}`,
    )
  const placeholders = new Set<string>()
  const fill = (_: string, placeholder: string, form: keyof typeof FORMS) => {
    placeholders.add(placeholder)
    const value = Object.hasOwn(values, placeholder) ? values[placeholder] : undefined
    const text = typeof value === 'number' || typeof value === 'string' ? String(value) : ''
    if (FORMS[form].test(text)) return text
    const wanted = form === 'int' ? 'a whole number from 0 to 999999999' : 'one word of letters, digits, ".", "_", "-"'
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `command ${name}: ${placeholder} is ${JSON.stringify(value ?? null)}, not ${wanted}`,
    )
  }
  const filled = argv.map((element) => element.replace(PLACEHOLDER, fill))
  const extra = Object.keys(values).find((value) => !placeholders.has(value))
  if (extra !== undefined) throw new RunbookError('RUNBOOK_BAD_INPUT', `command ${name} has no placeholder "${extra}"`)
  return filled
}

/**
 * Runs a rendered command without a shell, in its own process group. The group is ended at the timeout, even if this process was killed, or
 * when `signal` aborts. An exit code other than 0 is a result, not an error. Throws RunbookError `RUNBOOK_UNREACHABLE` if the command was
 * not started, for example because it is later than `startBy`, and another error if it is unknown what the command did.
 */
export async function runCommand(
  target: ProcessTarget,
  name: string,
  argv: readonly string[],
  { timeoutMs, startBy, signal }: { timeoutMs: number; startBy?: StartBy; signal?: AbortSignal },
): Promise<CommandResult> {
  signal?.throwIfAborted()
  const started = performance.now()
  const { cwd, environment } = target
  const command = superviseCommand(argv, { cwd, environment, timeoutMs, startBy: startBy ?? startWithin(timeoutMs) })
  const [stdout, stderr] = [collect(command.stdout), collect(command.stderr)]
  signal?.addEventListener('abort', command.stop)
  try {
    const ended = await command.ended
    await drain([command.stdout, command.stderr], () => stdout.size() + stderr.size())
    return {
      ...ended,
      stdout: stdout.text(),
      stderr: stderr.text(),
      truncated: stdout.cut() || stderr.cut(),
      durationMs: Math.round(performance.now() - started),
    }
  } catch (error) {
    if (!(error instanceof CommandNotStarted)) throw error
    throw new RunbookError('RUNBOOK_UNREACHABLE', `command ${name} could not be started: ${error.message}`, {}, error)
  } finally {
    signal?.removeEventListener('abort', command.stop)
    command.stdout.destroy()
    command.stderr.destroy()
  }
}

/**
 * Waits for the rest of the output, at most `DRAIN_TIMEOUT_MS`. If this process was busy, the time may be over although output that has
 * arrived was not read yet. So the event loop then reads until it finds nothing more.
 */
async function drain(streams: Readable[], size: () => number): Promise<void> {
  const stop = new AbortController()
  const all = Promise.allSettled(streams.map((stream) => finished(stream, { signal: stop.signal })))
  let isRead = false
  const read = all.then(() => (isRead = true))
  await Promise.race([read, sleep(DRAIN_TIMEOUT_MS, undefined, { signal: stop.signal }).catch(() => {})])
  for (let turn = 0, before = -1; turn < MAX_DRAIN_TURNS; turn++) {
    if (isRead || size() === before) break
    before = size()
    await nextTurn()
  }
  stop.abort()
}

/** Collects the end of a stream. */
function collect(stream: Readable): { text(): string; size(): number; cut(): boolean } {
  const chunks: Buffer[] = []
  let size = 0
  let kept = 0
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    kept += chunk.length
    while (kept - chunks[0]!.length >= MAX_OUTPUT_BYTES) kept -= chunks.shift()!.length
  })
  stream.on('error', () => {})
  return {
    text: () => {
      const all = Buffer.concat(chunks)
      return size > MAX_OUTPUT_BYTES ? wholeCharacters(all.subarray(-MAX_OUTPUT_BYTES)) : all.toString('utf8')
    },
    size: () => size,
    cut: () => size > MAX_OUTPUT_BYTES,
  }
}

/** Decodes the bytes as text, without the rest of a character that was cut at the beginning. */
function wholeCharacters(bytes: Buffer): string {
  const start = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80)
  return bytes.subarray(Math.max(0, start)).toString('utf8')
}
