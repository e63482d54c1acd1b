import { spawn } from 'node:child_process'
import { messageOf } from '../core/errors.ts'

export interface CommandResult {
  /** The exit code; null if the command could not be started, or was ended by a signal or by `timeoutMs`. */
  code: number | null
  /** stdout and stderr in the order in which they arrived, at most the last 20,000 characters. */
  output: string
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  user?: { uid: number; gid: number } | undefined
  timeoutMs?: number
  /** Called every 15 s while the command runs, with the seconds so far. */
  stillRunning?(seconds: number): void
}

/** The pids of running tools. They are ended when this process exits, because otherwise a compiler would continue for minutes. */
const running = new Set<number>()
process.on('exit', () => {
  for (const pid of running) endGroup(pid)
})

/** Runs a tool to its end, without a shell; does not throw when it fails. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const started = Date.now()
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options.user,
    })
    if (child.pid !== undefined) running.add(child.pid)
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const progress = setInterval(() => options.stillRunning?.(Math.round((Date.now() - started) / 1000)), 15_000)
    const timeout =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => child.pid !== undefined && endGroup(child.pid), options.timeoutMs)
    const finish = (code: number | null) => {
      clearInterval(progress)
      clearTimeout(timeout)
      if (child.pid !== undefined) running.delete(child.pid)
      resolve({ code, output: output.trim() })
    }
    child.once('error', (error) => {
      output += messageOf(error)
      finish(null)
    })
    child.once('close', finish)
  })
}

/** The last line that a failed tool wrote, for a one-line message. */
export function lastLine(result: CommandResult): string {
  return result.output.split('\n').at(-1)?.slice(0, 200) || `exit code ${result.code}`
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // The process has ended already.
  }
}
