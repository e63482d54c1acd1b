import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The root folder of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

/** Thrown after SIGINT or SIGTERM, so that callers can clean up. */
export class Interrupted extends Error {
  constructor(signal) {
    super(`interrupted by ${signal}`)
    this.exitCode = signal === 'SIGINT' ? 130 : 143
  }
}

/**
 * Runs a program in the repository's root until it ends.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, show?: boolean, budgetMs?: number, stillRunning?: (seconds: number) => void }} [options]
 * `show` prints its output instead of collecting it; after `budgetMs` it and its children are ended;
 * `stillRunning` is called every 15 s
 * @throws {Interrupted} after SIGINT or SIGTERM, when the program has ended
 * @returns {Promise<{ code: number, output: string, seconds: number, overBudget: boolean }>}
 */
export function run(command, args, options = {}) {
  const started = Date.now()
  return new Promise((resolve, reject) => {
    let output = ''
    let overBudget = false
    // The program gets its own process group, so that its children can be ended with it. A Ctrl-C of the terminal does not reach that group, so this script passes it on.
    const child = spawn(command, args, {
      cwd: root,
      env: options.env ?? process.env,
      detached: true,
      stdio: options.show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    })
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal)
      } catch {
        // The process group has ended already.
      }
    }
    let interruptedBy
    const passOn = (signal) => {
      interruptedBy = signal
      end(signal)
    }
    const onExit = () => end('SIGKILL')
    // `on` instead of `once`: the terminal and npm both send SIGINT on Ctrl-C. With `once` the second one would end this script before it has cleaned up.
    process.on('SIGINT', passOn).on('SIGTERM', passOn).once('exit', onExit)
    const timers = [setInterval(() => options.stillRunning?.(Math.round((Date.now() - started) / 1000)), 15_000)]
    if (options.budgetMs !== undefined) {
      timers.push(
        setTimeout(() => {
          overBudget = true
          end('SIGTERM')
          timers.push(setTimeout(() => end('SIGKILL'), 15_000))
        }, options.budgetMs),
      )
    }
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
    const finish = (code) => {
      for (const timer of timers) clearTimeout(timer)
      process.off('SIGINT', passOn).off('SIGTERM', passOn).off('exit', onExit)
      if (interruptedBy) reject(new Interrupted(interruptedBy))
      else resolve({ code: code ?? 1, output: output.trimEnd(), seconds: (Date.now() - started) / 1000, overBudget })
    }
    child.once('error', (error) => {
      output += error.message
      finish(1)
    })
    child.once('close', finish)
  })
}
