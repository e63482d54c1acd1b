import type { ReadyMessage } from './child.ts'

/** One Ctrl-C may come twice: the terminal sends it to all, and npm passes its own on. What comes so soon is no second one. */
const SAME_SIGNAL_MS = 500

/**
 * For the long-running commands: tells a parent that we are ready, and returns when a signal asks us to end, or when the parent is
 * gone. A second signal ends the process at once.
 */
export async function untilEnded(
  ready: Omit<ReadyMessage, 'ready'>,
  finished: Promise<unknown> = new Promise(() => {}),
): Promise<void> {
  process.send?.({ ready: true, ...ready } satisfies ReadyMessage)
  await new Promise<void>((resolve, reject) => {
    let asked: number | undefined
    const end = () => {
      const now = performance.now()
      if (asked !== undefined && now - asked > SAME_SIGNAL_MS) process.exit(1)
      asked ??= now
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
    // Our parent was killed: nobody would end us otherwise.
    if (process.channel) process.once('disconnect', resolve)
    finished.then(() => resolve(), reject)
  })
  if (process.channel) process.disconnect()
}
