/** What is compared: an empty workflow, five SQL activities by hand, an incident of a runbook with five SQL checks. */
export const CONTENDERS = ['empty', 'handWritten', 'incident'] as const
export type Contender = (typeof CONTENDERS)[number]

export interface Effort {
  rounds: number
  /** Per round and contender: so many one after the other, then so many at once. */
  latencyRuns: number
  throughputRuns: number
  inFlight: number
  warmUps: number
}

export interface Round {
  /** Median, in ms. */
  latency: Record<Contender, number>
  /** Per second. */
  throughput: Record<Contender, number>
}

type Run = Record<Contender, () => Promise<unknown>>

/**
 * Measures in rounds, in each of which every contender has its turn: what else the machine does then disturbs all alike. Each round
 * begins with another one.
 */
export async function measure(run: Run, effort: Effort, log: (line: string) => void): Promise<Round[]> {
  for (const contender of CONTENDERS) await atOnce(run[contender], effort.warmUps, effort.inFlight)
  const rounds: Round[] = []
  for (let i = 0; i < effort.rounds; i += 1) {
    const order = CONTENDERS.map((_, place) => CONTENDERS[(place + i) % CONTENDERS.length]!)
    const round: Round = { latency: {} as Round['latency'], throughput: {} as Round['throughput'] }
    for (const contender of order) round.latency[contender] = await medianLatency(run[contender], effort.latencyRuns)
    for (const contender of order)
      round.throughput[contender] = await rate(run[contender], effort.throughputRuns, effort.inFlight)
    rounds.push(round)
    log(`round ${i + 1} of ${effort.rounds}: ${CONTENDERS.map((name) => said(name, round)).join('; ')}`)
  }
  return rounds
}

function said(contender: Contender, { latency, throughput }: Round): string {
  return `${contender} ${latency[contender].toFixed(1)} ms, ${throughput[contender].toFixed(1)}/s`
}

/** The median of runs one after the other. */
async function medianLatency(run: () => Promise<unknown>, runs: number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < runs; i += 1) {
    const started = performance.now()
    await run()
    times.push(performance.now() - started)
  }
  return median(times)
}

async function rate(run: () => Promise<unknown>, runs: number, inFlight: number): Promise<number> {
  const started = performance.now()
  await atOnce(run, runs, inFlight)
  return runs / ((performance.now() - started) / 1000)
}

/** Never more than `inFlight` at a time. */
async function atOnce(run: () => Promise<unknown>, runs: number, inFlight: number): Promise<void> {
  let left = runs
  const lane = async () => {
    while (left > 0) {
      left -= 1
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
