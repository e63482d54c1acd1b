import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { configEnvironment, type MaestroConfig } from '../../config.ts'
import { MaestroError } from '../../errors.ts'
import { findControl, needControl } from '../../supervisor/control-client.ts'
import { programFile } from '../../supervisor/program.ts'
import { supervise } from '../../supervisor/supervise.ts'
import { statusText } from './status.ts'

const UP_WITHIN_MS = 30_000

/** Starts the supervisor with all processes and waits until they are healthy. Started twice it says so. */
export async function up(config: MaestroConfig, foreground: boolean, say: (text: string) => void): Promise<void> {
  const running = await findControl(config.dir)
  if (running) {
    say(`Maestro is already up\n${statusText(await running.status())}`)
    return
  }
  if (foreground) {
    const stop = new Promise<void>((told) => {
      // Not only once: a Ctrl-C comes from the terminal and from npm, and the second would end us before all is drained.
      process.on('SIGTERM', () => told())
      process.on('SIGINT', () => told())
    })
    await supervise(config, stop, ({ ports }) => say(`Maestro is up · http://127.0.0.1:${ports.orchestrator}`))
    return
  }
  await startDetached(config)
  say(`Maestro is up\n${statusText(await (await needControl(config.dir)).status())}`)
}

/** The supervisor says over IPC that all is ready, or why not. */
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
      const late = setTimeout(() => {
        child.kill('SIGTERM')
        failed(new MaestroError('failed', `Maestro was not up within ${UP_WITHIN_MS / 1000} s: see ${config.dir}`))
      }, UP_WITHIN_MS)
      child.on('message', (message: { ready?: boolean; error?: string }) => {
        clearTimeout(late)
        if (message.ready) ready()
        else failed(new MaestroError('failed', message.error ?? 'the supervisor did not start'))
      })
      child.on('exit', (code) => {
        clearTimeout(late)
        failed(
          new MaestroError('failed', `the supervisor ended with ${code}: see ${join(config.dir, 'supervisor.out')}`),
        )
      })
    })
  } finally {
    if (child.connected) child.disconnect()
    child.unref()
  }
}
