import { Gauge, Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { parseMetrics } from '../../../../activities/checks/parse-metrics.ts'

test('metrics that prom-client wrote are parsed', async () => {
  const registry = new Registry()
  const labels = { path: 'a"b\\c\nd{e},f="g"', empty: '' }
  new Gauge({ name: 'depth', help: 'h', labelNames: Object.keys(labels), registers: [registry] }).set(labels, 1.5e-7)
  new Histogram({ name: 'seconds', help: 'h', buckets: [1], registers: [registry] }).observe(0.5)
  const text = await registry.metrics()
  expect(parseMetrics(text, new Set(['depth']))).toEqual([{ name: 'depth', labels, value: 1.5e-7 }])
  expect(parseMetrics(text, new Set(['seconds_bucket'])).map((s) => s.labels)).toEqual([{ le: '1' }, { le: '+Inf' }])
  expect(parseMetrics(text, new Set(['seconds']))).toEqual([])
})

test('malformed lines are ignored', () => {
  const text = [
    '# HELP a 5',
    'a 1 1700000000000',
    'a{x="1",} 2 # {trace="t"} 1',
    'a{x="open 3',
    'a{x=1} 4',
    'a NaN',
    'a +Inf',
    'a',
    'a{} -3\r',
    'b 9',
  ].join('\n')
  expect(parseMetrics(text, new Set(['a'])).map((s) => s.value)).toEqual([1, 2, -3])
})

test('a hostile line is parsed in linear time', () => {
  const started = performance.now()
  parseMetrics(`a{${'x="y",'.repeat(20_000)}z 1\na${' '.repeat(50_000)}x`, new Set(['a']))
  expect(performance.now() - started).toBeLessThan(1_000)
})
