import type { ReadyMessage } from './child.ts'

/** One Ctrl-C can arrive twice: from the terminal, and passed on by npm. Two signals within this time count as one signal. */
const SAME_SIGNAL_MS = 500

/**
 * For the long-running commands: reports to a parent process that this process is ready, and returns when a signal arrives or the parent
 * process has ended. A second signal ends the process at once.
 */
export async function untilEnded(
  ready: Omit<ReadyMessage, 'ready'>,
  finished: Promise<unknown> = new Promise(() => {}),
): Promise<void> {
  process.send?.({ ready: true, ...ready } satisfies ReadyMessage)
  await new Promise<void>((resolve, reject) => {
    let firstSignal: number | undefined
    const end = () => {
      const now = performance.now()
      if (firstSignal !== undefined && now - firstSignal > SAME_SIGNAL_MS) process.exit(1)
      firstSignal ??= now
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
    // If the parent was killed, no signal ends this process, so it ends when the channel to the parent closes.
    if (process.channel) process.once('disconnect', resolve)
    finished.then(() => resolve(), reject)
  })
  if (process.channel) process.disconnect()
}
