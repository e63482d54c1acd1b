import type { ReadyMessage } from './child.ts'

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
    let asked = false
    const end = () => {
      if (asked) process.exit(1)
      asked = true
      resolve()
    }
    process.on('SIGINT', end)
    process.on('SIGTERM', end)
    // Our parent was killed: nobody would end us otherwise.
    if (process.channel) process.once('disconnect', resolve)
    finished.then(() => resolve(), reject)
  })
  if (process.channel) process.disconnect()
}
