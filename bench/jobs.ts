import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import type { JobsMeasured, MeasuredCheck } from './jobs-process.ts'
import { machine, withRedis } from './servers.ts'

const MB = 1024 * 1024
const PREFIX = 'bench'
/** The queues: how many jobs they have, and how many bytes of data each job carries. */
const QUEUES: Record<string, { jobs: number; bytes: number }> = {
  huge: { jobs: 40, bytes: 3 * MB },
  // Fields of this size are still read.
  large: { jobs: 400, bytes: 250_000 },
  many: { jobs: 5_000, bytes: 10_000 },
}
const CHECKS: { kind: string; parameters: MeasuredCheck['parameters'] }[] = [
  { kind: 'bullmq.jobs', parameters: { states: ['waiting', 'failed'], limit: 500 } },
  { kind: 'bullmq.failures', parameters: {} },
  { kind: 'bullmq.queue', parameters: {} },
]
/** The goals. */
const MAX_MEGABYTES = 64
const MAX_HELD_MS = 200

const PROCESS = fileURLToPath(new URL('./jobs-process.js', import.meta.url))

/**
 * `npm run bench:jobs`: how much memory a check of a queue needs whose jobs carry megabytes, and for how long it holds the event loop.
 * Prints the results on stdout. Returns 1 if a goal is missed.
 */
export async function main(): Promise<number> {
  const log = (line: string) => console.error(line)
  return withRedis(log, async (redisUrl) => {
    let isReached = true
    for (const [queue, { jobs, bytes }] of Object.entries(QUEUES)) {
      await fill(redisUrl, queue, jobs, bytes)
      console.log(`${jobs} jobs of ${(bytes / 1000).toFixed(0)} kB:`)
      for (const { kind, parameters } of CHECKS) {
        const { megabytes, heldMs, tookMs, evidence } = await measure({ redisUrl, queue, kind, parameters })
        isReached &&= evidence.status === 'ok' && megabytes <= MAX_MEGABYTES && heldMs <= MAX_HELD_MS
        console.log(
          `  ${kind.padEnd(16)} ${megabytes.toFixed(0).padStart(4)} MB (goal: at most ${MAX_MEGABYTES}), event loop held for ${heldMs.toFixed(0)} ms (goal: at most ${MAX_HELD_MS}), took ${tookMs.toFixed(0)} ms, ${JSON.stringify(evidence)}`,
        )
      }
    }
    console.log(machine())
    return isReached ? 0 : 1
  })
}

/** Stores jobs as BullMQ does. Half of them wait, and half have failed. */
async function fill(redisUrl: string, queue: string, jobs: number, bytes: number): Promise<void> {
  const redis = new Redis(redisUrl)
  const key = (part: string) => `${PREFIX}:${queue}:${part}`
  const data = dataOf(bytes)
  await redis.hset(key('meta'), { 'opts.maxLenEvents': '10000', version: 'bullmq:6.7.0' })
  for (let i = 0; i < jobs; i += 1) {
    const common = { name: 'import', data, opts: '{"attempts":3}', timestamp: Date.now(), delay: 0, priority: 0 }
    const writes = redis.pipeline()
    if (i % 2 === 0) writes.hset(key(`${i}`), common).lpush(key('wait'), `${i}`)
    else
      writes
        .hset(key(`${i}`), { ...common, failedReason: data, processedOn: Date.now(), finishedOn: Date.now(), atm: 3 })
        .zadd(key('failed'), Date.now(), `${i}`)
    await writes.exec()
  }
  redis.disconnect()
}

/** Rows as an import has them: parsing them takes longer than parsing one long text. */
function dataOf(bytes: number): string {
  const row = {
    id: 123_456,
    name: 'a customer',
    amounts: [1.5, 2.5, 3.5],
    address: { street: 'Main Street 1', city: 'Springfield' },
  }
  return JSON.stringify({ rows: Array.from({ length: Math.ceil(bytes / JSON.stringify(row).length) }, () => row) })
}

async function measure(check: MeasuredCheck): Promise<JobsMeasured> {
  const child = fork(PROCESS, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    child.send(check)
    const [measured] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [undefined])])) as [
      JobsMeasured?,
    ]
    if (!measured) throw new Error('the process of the bench ended while it measured')
    return measured
  } finally {
    child.kill()
  }
}
