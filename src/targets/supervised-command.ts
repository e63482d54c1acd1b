import { spawn, type ChildProcess } from 'node:child_process'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { StartBy } from './start-by.ts'

const SUPERVISOR = fileURLToPath(new URL('./supervisor.mjs', import.meta.url))
/** If the supervisor reports nothing for this long after the deadline, it is assumed to hang. */
const HANGS_AFTER_MS = 5_000

export interface CommandOptions {
  cwd: string
  /** All environment variables that the command gets. */
  environment: Record<string, string>
  timeoutMs: number
  /** The latest moment at which the command may start. */
  startBy: StartBy
}

export interface CommandEnd {
  /** The exit code; null if a signal ended the command. */
  exitCode: number | null
  signal: string | null
  timedOut: boolean
}

export interface SupervisedCommand {
  stdout: Readable
  stderr: Readable
  /** Rejects with `CommandNotStarted`, or with another error when nobody knows what the command did. */
  ended: Promise<CommandEnd>
  /** Ends the whole process group of the command. */
  stop(): void
}

/** The error for a command that was never started. */
export class CommandNotStarted extends Error {}

/**
 * Runs a command without a shell, in its own process group, under a supervisor process (supervisor.mjs) that ends the whole group at the
 * timeout. The supervisor does not depend on this process. So the command of a killed worker also ends in time, before its lease is given
 * to somebody else.
 */
export function superviseCommand(argv: readonly string[], given: CommandOptions): SupervisedCommand {
  // The supervisor does not get this process's environment, which may hold secrets and options that Node.js reads. The
  // command's environment is in the message.
  const supervisor = spawn(process.execPath, [SUPERVISOR], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
  const ended = endOf(supervisor, given.timeoutMs)
  // Without file descriptors, `spawn` fails before it makes the streams.
  if (supervisor.pid !== undefined) supervisor.send({ argv, ...given }, () => {})
  return {
    stdout: supervisor.stdout ?? Readable.from([]),
    stderr: supervisor.stderr ?? Readable.from([]),
    ended,
    stop: () => void (supervisor.connected && supervisor.send('stop', () => {})),
  }
}

type Report = { started: number } | { failed: string } | { ended: CommandEnd }

function endOf(supervisor: ChildProcess, timeoutMs: number): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    let group: number | undefined
    let isReported = false
    const giveUp = (why: string) => {
      if (isReported) return
      isReported = true
      killQuietly(supervisor.pid)
      killQuietly(group && -group)
      reject(new Error(`the process that supervised the command ${why}`))
    }
    const hanging = setTimeout(() => giveUp('did not end it in time'), timeoutMs + HANGS_AFTER_MS)
    supervisor.on('message', (report: Report) => {
      if ('started' in report) return void (group = report.started)
      isReported = true
      clearTimeout(hanging)
      if ('failed' in report) reject(new CommandNotStarted(report.failed))
      else resolve(report.ended)
    })
    // The listener is added at once, because an `error` event without a listener would end the worker.
    supervisor.on('error', (error) => {
      clearTimeout(hanging)
      if (supervisor.pid === undefined) reject(new CommandNotStarted(error.message))
    })
    // This event follows the last message of the supervisor.
    supervisor.once('disconnect', () => {
      clearTimeout(hanging)
      giveUp('ended too early')
    })
  })
}

function killQuietly(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The supervisor has ended already.
  }
}
