import { WORKFLOWS, median, type WorkflowName, type Round } from './measure.ts'
import type { TemporalKind } from './servers.ts'
import type { Counts } from './world.ts'

export interface Report {
  temporal: TemporalKind
  rounds: Round[]
  counts: Record<WorkflowName, Counts>
  /** Medians of the rounds, in ms and per second. */
  latency: Record<WorkflowName, number>
  throughput: Record<WorkflowName, number>
  /** Medians of the ratios of the rounds, so that a round that was slow as a whole does not distort them. */
  latencyToEmpty: Ratio
  throughputToHandWritten: Ratio
}

export interface Ratio {
  median: number
  min: number
  max: number
}

export function reportOf(temporal: TemporalKind, rounds: Round[], counts: Report['counts']): Report {
  const medians = (of: (round: Round) => Record<WorkflowName, number>) =>
    Object.fromEntries(WORKFLOWS.map((name) => [name, median(rounds.map((round) => of(round)[name]))])) as Record<
      WorkflowName,
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
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

const TITLES: Record<WorkflowName, string> = {
  empty: 'empty workflow',
  handWritten: 'five SQL activities by hand',
  incident: 'incident, five SQL checks',
}

/** Formats the results for one Temporal server as a table. */
export function table(report: Report): string {
  const { temporal, latency, throughput, counts, latencyToEmpty, throughputToHandWritten } = report
  const head = ['', 'latency', 'throughput', 'events', 'workflow tasks']
  const rows = WORKFLOWS.map((name) => [
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
    `incident ÷ empty, latency:            ${formatRatio(latencyToEmpty)}`,
    `incident ÷ by hand, throughput:       ${formatRatio(throughputToHandWritten)}`,
  ].join('\n')
}

function formatRatio({ median: medianRatio, min, max }: Ratio): string {
  return `${medianRatio.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)} in single rounds)`
}
