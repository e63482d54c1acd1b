import { Slots } from '../../targets/slots.ts'

/** Samples of one process that read one connection at the same time; incidents use the rest of its capacity. */
const PER_CONNECTION = 2
/** Samples of one process, also those that wait. Each of them takes one of the worker's places for activities. */
const PER_PROCESS = 30
const MAX_WAIT_MS = 10_000

let running = 0
const slots = new Map<string, Slots>()

/**
 * Takes a place for a sample that reads these connections. With a slow system, samples would otherwise take the places of incidents, and
 * delay the samples of other systems. `busy`: there was no place in time, and why.
 */
export async function sampleSlot(connections: string[]): Promise<{ free(): void } | { busy: string }> {
  if (running >= PER_PROCESS) return { busy: `${PER_PROCESS} other samples of this worker have not ended` }
  running += 1
  const taken: (() => void)[] = []
  const free = () => {
    running -= 1
    for (const release of taken) release()
  }
  // In the order of their names, so that two samples cannot wait for each other.
  for (const name of [...connections].sort()) {
    const release = await slotsOf(name).acquire(MAX_WAIT_MS)
    if (!release) {
      free()
      return { busy: `${PER_CONNECTION} other samples of ${name} have not ended` }
    }
    taken.push(release)
  }
  return { free }
}

function slotsOf(connection: string): Slots {
  let found = slots.get(connection)
  if (!found) slots.set(connection, (found = new Slots(PER_CONNECTION)))
  return found
}
