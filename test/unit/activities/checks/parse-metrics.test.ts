import { Gauge, Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { parseMetrics } from '../../../../activities/checks/parse-metrics.ts'

test('metrics that prom-client wrote are parsed', async () => {
  const registry = new Registry()
  const labels = { path: 'a"b\\c\nd{e},f="g"', empty: '' }
  new Gauge({ name: 'depth', help: 'h', labelNames: Object.keys(labels), registers: [registry] }).set(labels, 1.5e-7)
  new Histogram({ name: 'seconds', help: 'h', buckets: [1], registers: [registry] }).observe(0.5)
  const text = await registry.metrics()
  expect((await parseMetrics(text, new Set(['depth']))).samples).toEqual([{ name: 'depth', labels, value: 1.5e-7 }])
  expect((await parseMetrics(text, new Set(['seconds_bucket']))).samples.map((s) => s.labels)).toEqual([
    { le: '1' },
    { le: '+Inf' },
  ])
  expect((await parseMetrics(text, new Set(['seconds']))).samples).toEqual([])
})

test('malformed lines are ignored', async () => {
  const text = [
    '# HELP a 5',
    `a{n="1"} 1 ${Date.now()}`,
    'a{x="1",} 2 # {trace="t"} 1',
    'a{x="open 3',
    'a{x=1} 4',
    'a NaN',
    'a +Inf',
    'a',
    'a{n="2"} -3\r',
    'b 9',
  ].join('\n')
  expect((await parseMetrics(text, new Set(['a']))).samples.map((s) => s.value)).toEqual([1, 2, -3])
})

test.each([
  ['of ten minutes ago, in milliseconds', Date.now() - 600_000],
  ['of ten minutes ago, in seconds', Date.now() / 1000 - 600],
  ['of tomorrow', Date.now() + 86_400_000],
  ['that is no date', 12],
])('a value with a time %s is shown, and counts as outdated', async (_, time) => {
  const metrics = await parseMetrics(
    `depth{queue="a"} 0 ${time}\ndepth{queue="b"} 3 ${Date.now()}\n`,
    new Set(['depth']),
  )
  expect(metrics).toMatchObject({ samples: [{ value: 0 }, { value: 3 }], unparsed: 0, outdated: 1 })
})

test('a hostile line is parsed in linear time', async () => {
  const started = performance.now()
  await parseMetrics(`a{${'x="y",'.repeat(20_000)}z 1\na${' '.repeat(50_000)}x`, new Set(['a']))
  expect(performance.now() - started).toBeLessThan(1_000)
})

test('OpenMetrics and the quoted names of Prometheus 3 are read', async () => {
  const text = [
    '# TYPE a counter',
    `a_total{x="1"} 2 ${Date.now() / 1000} # {trace_id="t # u"} 0.5 1795810000.1`,
    '{"http.requests",code="200"} 7',
    '# EOF',
  ].join('\n')
  const { samples, unparsed, isExposition } = await parseMetrics(text, new Set(['a_total', 'http.requests']))
  expect(samples).toEqual([
    { name: 'a_total', labels: { x: '1' }, value: 2 },
    { name: 'http.requests', labels: { code: '200' }, value: 7 },
  ])
  expect([unparsed, isExposition]).toEqual([0, true])
})

test('lines of the named metrics that cannot be used are counted, others are not', async () => {
  const text = ['a 1', 'a{x="open 3', 'a NaN', 'b{x="open 3', 'a 1 2 3', 'a{n="3"} 0x10', 'A page for people'].join(
    '\n',
  )
  expect(await parseMetrics(text, new Set(['a']))).toMatchObject({ unparsed: 4, isExposition: true })
  expect(await parseMetrics('A page for people\n', new Set(['a']))).toMatchObject({ isExposition: false })
})

test('other work has its turns while a long text is parsed, and an abort ends it', async () => {
  const text = Array.from({ length: 250_000 }, (_, i) => `a{n="${i}"} 1\n`).join('')
  let turns = 0
  let isParsing = true
  const countTurns = () => {
    turns += 1
    if (isParsing) setImmediate(countTurns)
  }
  setImmediate(countTurns)
  const { samples } = await parseMetrics(text, new Set(['a']))
  isParsing = false
  expect(turns).toBeGreaterThan(10)
  // A result keeps 500 samples; the parser returns one more, which shows that the text has more than that.
  expect(samples).toHaveLength(501)
  await expect(parseMetrics(text, new Set(['a']), AbortSignal.abort())).rejects.toThrow('aborted')
})

test.each<[string, string, object]>([
  [
    'CRLF line ends',
    '# TYPE jobs gauge\r\njobs 7\r\n# EOF\r\n',
    { samples: [{ name: 'jobs', value: 7 }], unparsed: 0 },
  ],
  [
    'an exemplar and a time',
    `jobs_total{q="a"} 7 ${Date.now() / 1000} # {trace="x # y"} 0.5 1700000000\n`,
    { samples: [{ value: 7 }], unparsed: 0 },
  ],
  [
    'a name in UTF-8 within braces',
    '{"jobs.waiting",q="ä"} 7\n',
    { samples: [{ name: 'jobs.waiting', value: 7 }], unparsed: 0 },
  ],
  [
    'escapes in a label',
    'jobs{path="C:\\\\a\\"b}\\n"} 7\n',
    { samples: [{ labels: { path: 'C:\\a"b}\n' }, value: 7 }] },
  ],
  ['a value with a comma', 'jobs 1,5\n', { samples: [], unparsed: 1 }],
  ['no value', 'jobs{q="a"}\n', { samples: [], unparsed: 1 }],
  ['a line that was cut', 'jobs{q="a', { samples: [], unparsed: 1 }],
])('metrics with %s are read, or counted as not understood', async (_, text, expected) => {
  expect(await parseMetrics(text, new Set(['jobs', 'jobs_total', 'jobs.waiting']))).toMatchObject(expected)
})

test('a series that occurs twice is one sample if its values are equal, and none if they differ', async () => {
  const text = ['a{x="1",y="2"} 1', 'a{y="2",x="1"} 1', 'a{x="3"} 1', 'a{x="3"} 2', 'a{x="3"} 1', 'a 5'].join('\n')
  const { samples, unparsed, present } = await parseMetrics(text, new Set(['a']))
  expect(samples.map(({ labels, value }) => [labels, value])).toEqual([
    [{ x: '1', y: '2' }, 1],
    [{}, 5],
  ])
  expect([unparsed, present.has('a')]).toEqual([4, true])
})

test('native histograms count as unparsed', async () => {
  const text = 'a {count:17,sum:3.5,schema:0}\na{x="1"} {count:1,sum:1}\nb 1\n# EOF\n'
  expect(await parseMetrics(text, new Set(['a']))).toMatchObject({ samples: [], unparsed: 2, hasEnd: true })
})
