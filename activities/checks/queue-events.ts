import type { BullmqTarget } from '../../src/targets/targets.ts'
import { readPipeline } from './redis-pipeline.ts'

export interface QueueEvent {
  /** When Redis stored the event, in milliseconds since 1970, by the clock of its server. */
  at: number
  /** Such as `waiting` or `failed`. */
  event: string
  job: string
}

/** How many events are read, from the newest back. BullMQ keeps about 10,000. */
const MAX_EVENTS = 10_000
const MAX_BYTES = 4 * 1024 * 1024
const MAX_PAGE_BYTES = 1024 * 1024

/** The events of the queue's jobs, newest first. The first pages are small, because events hold results and reasons of any size. */
export async function* newestEvents(target: BullmqTarget): AsyncGenerator<QueueEvent> {
  let [end, page, read, bytes] = ['+', 8, 0, 0]
  while (read < MAX_EVENTS && bytes < MAX_BYTES) {
    const [entries] = (await readPipeline(target, [
      ['xrevrange', `${target.base}:events`, end, '-', 'COUNT', page],
    ])) as [[string, string[]][]]
    let largest = 1
    for (const [id, fields] of entries) {
      const size = fields.reduce((sum, text) => sum + text.length, 0)
      bytes += size
      largest = Math.max(largest, size)
      const job = fields.indexOf('jobId') + 1
      if (fields[0] === 'event' && job > 0) yield { at: Number(id.split('-')[0]), event: fields[1]!, job: fields[job]! }
    }
    if (entries.length < page) return
    read += entries.length
    end = `(${entries.at(-1)![0]}`
    page = Math.max(1, Math.min(1_000, page * 4, Math.floor(MAX_PAGE_BYTES / largest)))
  }
}
