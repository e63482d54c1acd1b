import { Slots } from '../../targets/slots.ts'

/** How many samples of one process may read one connection at the same time. The rest of the connection's capacity is for incidents. */
const PER_CONNECTION = 2
/** How many samples one process may have, running or waiting. Each of them takes one of the worker's slots for activities. */
const PER_PROCESS = 30
const MAX_WAIT_MS = 10_000

let running = 0
const slots = new Map<string, Slots>()

/**
 * Takes a slot for a sample that reads these connections. Without slots, samples of a slow system would take the capacity of incidents and
 * delay the samples of other systems. `busy`: no slot was free in time; it holds the reason.
 */
export async function sampleSlot(connections: string[]): Promise<{ free(): void } | { busy: string }> {
  if (running >= PER_PROCESS) return { busy: `${PER_PROCESS} other samples of this worker have not ended` }
  running += 1
  const taken: (() => void)[] = []
  const free = () => {
    running -= 1
    for (const release of taken) release()
  }
  // Slots are taken in the order of the connections' names, so that two samples cannot wait for each other.
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
