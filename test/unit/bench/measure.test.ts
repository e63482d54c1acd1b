import { expect, test } from 'vitest'
import { WORKFLOWS, measure, median } from '../../../bench/measure.ts'
import { reportOf, table } from '../../../bench/report.ts'

const EFFORT = { rounds: 3, latencyRuns: 4, throughputRuns: 10, inFlight: 3, warmUps: 2 }

test('every workflow runs equally often in each round, and never with more in flight than allowed', async () => {
  const runs = { empty: 0, handWritten: 0, incident: 0 }
  let inFlight = 0
  let maxInFlight = 0
  const run = Object.fromEntries(
    WORKFLOWS.map((name) => [
      name,
      async () => {
        runs[name] += 1
        maxInFlight = Math.max(maxInFlight, ++inFlight)
        await new Promise(setImmediate)
        inFlight -= 1
      },
    ]),
  ) as Record<(typeof WORKFLOWS)[number], () => Promise<void>>
  const rounds = await measure(run, EFFORT, () => {})
  expect(rounds).toHaveLength(3)
  const each = EFFORT.warmUps + EFFORT.rounds * (EFFORT.latencyRuns + EFFORT.throughputRuns)
  expect(runs).toEqual({ empty: each, handWritten: each, incident: each })
  expect(maxInFlight).toBe(3)
})

test('a failed run ends the measurement', async () => {
  const fails = () => Promise.reject(new Error('INC-1 ended as failed'))
  const run = { empty: async () => {}, handWritten: async () => {}, incident: fails }
  await expect(measure(run, EFFORT, () => {})).rejects.toThrow('INC-1 ended as failed')
})

test('ratios are calculated within each round, so that a slow round does not distort them', () => {
  const round = (factor: number) => ({
    latency: { empty: 10 * factor, handWritten: 50 * factor, incident: 20 * factor },
    throughput: { empty: 100 / factor, handWritten: 20 / factor, incident: 40 / factor },
  })
  const one = { events: 5, workflowTasks: 1 }
  const counts = { empty: one, handWritten: one, incident: one }
  const report = reportOf('memory', [round(1), round(5), round(2)], counts)
  expect(report.latencyToEmpty).toEqual({ median: 2, min: 2, max: 2 })
  expect(report.throughputToHandWritten).toEqual({ median: 2, min: 2, max: 2 })
  expect(report.latency.incident).toBe(40)
  expect(table(report)).toContain('incident, five SQL checks')
})

test('the median of an even number of values is the mean of the middle two', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5)
})
