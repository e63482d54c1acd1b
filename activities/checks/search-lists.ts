import type { BullmqTarget } from '../../src/targets/targets.ts'
import { readPipeline } from './redis-pipeline.ts'

const CHUNK = 5_000
/** How many entries of a list are searched. */
const MAX_SEARCHED = 1_000_000

export interface Search {
  /** The list (`wait`, `paused` or `active`) that contains each id. */
  found: Map<string, string>
  /** False if a list is longer than the part that was searched. */
  isComplete: boolean
}

/**
 * Searches long lists for ids, one part at a time, so that the search blocks neither Redis nor this process. It starts at the end at which
 * jobs are added: a job that is added in the meantime moves the other jobs away from this end, so that no job is missed.
 */
export async function searchLists(target: BullmqTarget, lists: string[], ids: string[]): Promise<Search> {
  const found = new Map<string, string>()
  const left = new Set(ids)
  let isComplete = true
  for (const list of lists) {
    const key = `${target.base}:${list}`
    for (let start = 0; left.size > 0; start += CHUNK) {
      const end = start + CHUNK - 1
      const [members] = (await readPipeline(target, [['lrange', key, start, end]])) as [string[]]
      for (const member of members) if (left.delete(member)) found.set(member, list)
      if (members.length < CHUNK) break
      if (end + 1 >= MAX_SEARCHED) {
        isComplete = false
        break
      }
    }
  }
  return { found, isComplete }
}
