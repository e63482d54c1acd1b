import { expect, test } from 'vitest'
import { CONTENDERS, measure, median } from '../../../bench/measure.ts'
import { reportOf, table } from '../../../bench/report.ts'

const EFFORT = { rounds: 3, latencyRuns: 4, throughputRuns: 10, inFlight: 3, warmUps: 2 }

test('every contender has as many runs in each round, and never more in flight than allowed', async () => {
  const runs = { empty: 0, handWritten: 0, incident: 0 }
  let inFlight = 0
  let most = 0
  const run = Object.fromEntries(
    CONTENDERS.map((name) => [
      name,
      async () => {
        runs[name] += 1
        most = Math.max(most, ++inFlight)
        await new Promise(setImmediate)
        inFlight -= 1
      },
    ]),
  ) as Record<(typeof CONTENDERS)[number], () => Promise<void>>
  const rounds = await measure(run, EFFORT, () => {})
  expect(rounds).toHaveLength(3)
  const each = EFFORT.warmUps + EFFORT.rounds * (EFFORT.latencyRuns + EFFORT.throughputRuns)
  expect(runs).toEqual({ empty: each, handWritten: each, incident: each })
  expect(most).toBe(3)
})

test('a run that fails ends the measurement', async () => {
  const fails = () => Promise.reject(new Error('INC-1 ended as failed'))
  const run = { empty: async () => {}, handWritten: async () => {}, incident: fails }
  await expect(measure(run, EFFORT, () => {})).rejects.toThrow('INC-1 ended as failed')
})

test('ratios are taken within each round, so that a slow round does no harm', () => {
  const round = (factor: number) => ({
    latency: { empty: 10 * factor, handWritten: 50 * factor, incident: 20 * factor },
    throughput: { empty: 100 / factor, handWritten: 20 / factor, incident: 40 / factor },
  })
  const one = { events: 5, workflowTasks: 1 }
  const counts = { empty: one, handWritten: one, incident: one }
  const report = reportOf('memory', [round(1), round(5), round(2)], counts)
  expect(report.latencyToEmpty).toEqual({ median: 2, least: 2, most: 2 })
  expect(report.throughputToHandWritten).toEqual({ median: 2, least: 2, most: 2 })
  expect(report.latency.incident).toBe(40)
  expect(table(report)).toContain('incident, five SQL checks')
})

test('the median of an even number of values lies between the middle two', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5)
})
