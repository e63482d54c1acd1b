import { readConfig } from '../config.ts'
import { messageOf } from '../errors.ts'
import { ready } from './child-side.ts'
import { supervise } from './supervise.ts'

// Started by `maestro up`, which waits for the message and then goes: from then on this process belongs to nobody.
const stop = new Promise<void>((told) => {
  process.once('SIGTERM', () => told())
  process.once('SIGINT', () => told())
})
try {
  await supervise(readConfig(), stop, () => {
    ready()
    process.disconnect?.()
  })
  process.exit(0)
} catch (error) {
  process.send?.({ error: messageOf(error) })
  process.exit(1)
}
