/** The compared workflows: empty, five hand-written SQL activities, and an incident with five SQL checks. */
export const WORKFLOWS = ['empty', 'handWritten', 'incident'] as const
export type WorkflowName = (typeof WORKFLOWS)[number]

export interface Effort {
  rounds: number
  /** Sequential runs per round and workflow. */
  latencyRuns: number
  /** Concurrent runs per round and workflow, at most `inFlight` at a time. */
  throughputRuns: number
  inFlight: number
  warmUps: number
}

export interface Round {
  /** The median duration of each workflow, in milliseconds. */
  latency: Record<WorkflowName, number>
  /** Completed runs of each workflow per second. */
  throughput: Record<WorkflowName, number>
}

type Run = Record<WorkflowName, () => Promise<unknown>>

/**
 * Measures in rounds. Each round runs every workflow, so that other load on the machine affects all of them equally. The order rotates
 * from round to round.
 */
export async function measure(run: Run, effort: Effort, log: (line: string) => void): Promise<Round[]> {
  for (const name of WORKFLOWS) await runConcurrently(run[name], effort.warmUps, effort.inFlight)
  const rounds: Round[] = []
  for (let i = 0; i < effort.rounds; i += 1) {
    const order = WORKFLOWS.map((_, place) => WORKFLOWS[(place + i) % WORKFLOWS.length]!)
    const round: Round = { latency: {} as Round['latency'], throughput: {} as Round['throughput'] }
    for (const name of order) round.latency[name] = await medianLatency(run[name], effort.latencyRuns)
    for (const name of order) round.throughput[name] = await rate(run[name], effort.throughputRuns, effort.inFlight)
    rounds.push(round)
    log(`round ${i + 1} of ${effort.rounds}: ${WORKFLOWS.map((name) => summarize(name, round)).join('; ')}`)
  }
  return rounds
}

function summarize(name: WorkflowName, { latency, throughput }: Round): string {
  return `${name} ${latency[name].toFixed(1)} ms, ${throughput[name].toFixed(1)}/s`
}

/** The median duration of sequential runs, in ms. */
async function medianLatency(run: () => Promise<unknown>, runs: number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < runs; i += 1) {
    const started = performance.now()
    await run()
    times.push(performance.now() - started)
  }
  return median(times)
}

/** Runs per second. */
async function rate(run: () => Promise<unknown>, runs: number, inFlight: number): Promise<number> {
  const started = performance.now()
  await runConcurrently(run, runs, inFlight)
  return runs / ((performance.now() - started) / 1000)
}

/** Runs at most `inFlight` at a time. */
async function runConcurrently(run: () => Promise<unknown>, runs: number, inFlight: number): Promise<void> {
  let remaining = runs
  const lane = async () => {
    while (remaining > 0) {
      remaining -= 1
      await run()
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, runs) }, lane))
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
