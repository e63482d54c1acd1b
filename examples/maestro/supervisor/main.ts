import { readConfig } from '../config.ts'
import { messageOf } from '../errors.ts'
import { reportReady } from './lifecycle.ts'
import { supervise } from './supervise.ts'

// `maestro up` starts this process, waits for the ready message and exits. From then on this process runs detached.
const stop = new Promise<void>((resolve) => {
  process.once('SIGTERM', () => resolve())
  process.once('SIGINT', () => resolve())
})
try {
  await supervise(readConfig(), stop, () => {
    reportReady()
    process.disconnect?.()
  })
  process.exit(0)
} catch (error) {
  process.send?.({ error: messageOf(error) })
  process.exit(1)
}
