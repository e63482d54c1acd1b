import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const MB = 1024 * 1024

export interface Measured<T> {
  result: T
  /** The maximum processor time between two turns of the event loop. Unlike the time on a clock, it does not depend on other processes. */
  heldMs: number
  /** The maximum growth of the used memory, without memory that the garbage collector could free. */
  megabytes: number
}

/** Runs the work twice: once to see how long it holds the event loop, once to see how much memory it needs. */
export async function measure<T>(work: () => Promise<T>): Promise<Measured<T>> {
  await work()
  const heldMs = await longestTurn(work)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const inUse = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = inUse()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, inUse())), 10)
  try {
    const result = await work()
    return { result, heldMs, megabytes: (Math.max(most, inUse()) - before) / MB }
  } finally {
    clearInterval(timer)
  }
}

async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let isRunning = true
  let last = process.cpuUsage()
  const turn = () => {
    const { user, system } = process.cpuUsage(last)
    longest = Math.max(longest, (user + system) / 1_000)
    last = process.cpuUsage()
    if (isRunning) setImmediate(turn)
  }
  setImmediate(turn)
  try {
    await work()
  } finally {
    isRunning = false
    // The work ended in a turn of the event loop that is not over yet.
    turn()
  }
  return longest
}
