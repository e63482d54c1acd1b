import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { configEnvironment, type MaestroConfig } from '../../config.ts'
import { MaestroError } from '../../errors.ts'
import { findControl, requireControl } from '../../supervisor/control-client.ts'
import { programFile } from '../../supervisor/program.ts'
import { supervise } from '../../supervisor/supervise.ts'
import { statusText } from './status.ts'

const UP_TIMEOUT_MS = 30_000

/** Starts the supervisor with all processes and waits until they are healthy. If Maestro is running already, prints its status. */
export async function up(config: MaestroConfig, foreground: boolean, print: (text: string) => void): Promise<void> {
  const running = await findControl(config.dir)
  if (running) {
    print(`Maestro is already running\n${statusText(await running.status())}`)
    return
  }
  if (foreground) {
    const stop = new Promise<void>((resolve) => {
      // `on` instead of `once`: the terminal and npm both send SIGINT on Ctrl-C. With `once` the second one would kill this
      // process before the workers are drained.
      process.on('SIGTERM', () => resolve())
      process.on('SIGINT', () => resolve())
    })
    await supervise(config, stop, ({ ports }) => print(`Maestro is running · http://127.0.0.1:${ports.orchestrator}`))
    return
  }
  await startDetached(config)
  print(`Maestro is running\n${statusText(await (await requireControl(config.dir)).status())}`)
}

/** Starts the supervisor as a detached process. Its IPC message says that everything is ready, or which error occurred. */
async function startDetached(config: MaestroConfig): Promise<void> {
  mkdirSync(config.dir, { recursive: true })
  const output = openSync(join(config.dir, 'supervisor.out'), 'a', 0o600)
  const child = spawn(process.execPath, ['--enable-source-maps', programFile('supervisor')], {
    detached: true,
    env: { PATH: process.env.PATH ?? '', ...configEnvironment(config) },
    stdio: ['ignore', output, output, 'ipc'],
  })
  closeSync(output)
  try {
    await new Promise<void>((ready, failed) => {
      const timer = setTimeout(() => {
        child.kill('SIGTERM')
        failed(
          new MaestroError(
            'failed',
            `Maestro did not start within ${UP_TIMEOUT_MS / 1000} s: see the logs in ${join(config.dir, 'logs')}`,
          ),
        )
      }, UP_TIMEOUT_MS)
      child.on('message', (message: { ready?: boolean; error?: string }) => {
        clearTimeout(timer)
        if (message.ready) ready()
        else failed(new MaestroError('failed', message.error ?? 'the supervisor did not start'))
      })
      child.on('exit', (code) => {
        clearTimeout(timer)
        failed(
          new MaestroError(
            'failed',
            `the supervisor exited with code ${code}: see ${join(config.dir, 'supervisor.out')}`,
          ),
        )
      })
    })
  } finally {
    if (child.connected) child.disconnect()
    child.unref()
  }
}
