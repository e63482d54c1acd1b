import { CONTENDERS, median, type Contender, type Round } from './measure.ts'
import type { Counts, TemporalKind } from './world.ts'

export interface Report {
  temporal: TemporalKind
  rounds: Round[]
  counts: Record<Contender, Counts>
  /** Medians of the rounds, in ms and per second. */
  latency: Record<Contender, number>
  throughput: Record<Contender, number>
  /** Medians of the rounds' own ratios, so that a round that was disturbed as a whole does no harm. */
  latencyToEmpty: Ratio
  throughputToHandWritten: Ratio
}

export interface Ratio {
  median: number
  least: number
  most: number
}

export function reportOf(temporal: TemporalKind, rounds: Round[], counts: Report['counts']): Report {
  const medians = (of: (round: Round) => Record<Contender, number>) =>
    Object.fromEntries(CONTENDERS.map((name) => [name, median(rounds.map((round) => of(round)[name]))])) as Record<
      Contender,
      number
    >
  return {
    temporal,
    rounds,
    counts,
    latency: medians((round) => round.latency),
    throughput: medians((round) => round.throughput),
    latencyToEmpty: ratio(rounds.map(({ latency }) => latency.incident / latency.empty)),
    throughputToHandWritten: ratio(rounds.map(({ throughput }) => throughput.incident / throughput.handWritten)),
  }
}

function ratio(values: number[]): Ratio {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

const TITLES: Record<Contender, string> = {
  empty: 'empty workflow',
  handWritten: 'five SQL activities by hand',
  incident: 'incident, five SQL checks',
}

/** One table per server. */
export function table(report: Report): string {
  const { temporal, latency, throughput, counts, latencyToEmpty, throughputToHandWritten } = report
  const head = ['', 'latency', 'throughput', 'events', 'workflow tasks']
  const rows = CONTENDERS.map((name) => [
    TITLES[name],
    `${latency[name].toFixed(1)} ms`,
    `${throughput[name].toFixed(1)}/s`,
    String(counts[name].events),
    String(counts[name].workflowTasks),
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)))
  const line = (row: string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  return [
    `Temporal dev server, ${temporal === 'memory' ? 'in memory' : 'file-backed'}`,
    line(head),
    ...rows.map(line),
    `incident ÷ empty, latency:            ${shown(latencyToEmpty)}`,
    `incident ÷ by hand, throughput:       ${shown(throughputToHandWritten)}`,
  ].join('\n')
}

function shown({ median: middle, least, most }: Ratio): string {
  return `${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)} in single rounds)`
}
