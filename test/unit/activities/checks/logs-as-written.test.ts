import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCheck } from '../../../../activities/checks/run-check.ts'
import type { Json, JsonObject } from '../../../../src/core/json.ts'
import { openTargets } from '../../../../src/targets/open-targets.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'logs-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Searches one file with these lines. */
async function search(content: string | Buffer | string[], parameters: JsonObject = {}, file = 'app.log') {
  writeFileSync(join(directory, file), Array.isArray(content) ? content.map((line) => `${line}\n`).join('') : content)
  return searchFiles(parameters)
}

async function searchFiles(parameters: JsonObject = {}, files = [join(directory, '*')], timeZone?: string) {
  const targets = openTargets({
    connections: { logs: { kind: 'logs', files, redact: [], ...(timeZone ? { timeZone } : {}) } },
  })
  const check = { name: 'l', kind: 'logs.search', timeoutMs: 5_000, retries: 0, place: 'p' }
  const { result, error } = await runCheck({ ...check, parameters: { connection: 'logs', ...parameters } }, targets)
  if (!result) throw new Error(error)
  const rows = result.rows as { level: string | null; message: string | null; fields: JsonObject; time: string }[]
  return { ...result, rows } as JsonObject & { rows: typeof rows }
}

const at = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1_000)
const iso = (secondsAgo: number) => at(secondsAgo).toISOString()
const json = (value: Json) => JSON.stringify(value)
const journal = () => ({ __REALTIME_TIMESTAMP: `${at(5).getTime()}000`, PRIORITY: '3' })
const complete = { unparsed: 0, unread: 0, absentFields: [], truncated: false }

describe('a search for errors finds the line', () => {
  const failure = { name: 'w', hostname: 'h', pid: 7, msg: 'refused', v: 0 }
  test.each([
    ['of pino', json({ level: 50, time: at(5).getTime(), msg: 'refused' })],
    ['of bunyan', json({ ...failure, level: 50, time: iso(5) })],
    ['of winston', json({ level: 'error', message: 'refused', timestamp: iso(5) })],
    ['with a level in capitals', json({ '@timestamp': iso(5), 'log.level': 'ERROR', message: 'refused' })],
    ['with a nested level (ECS)', json({ '@timestamp': iso(5), log: { level: 'error' }, message: 'refused' })],
    ['of Google Cloud', json({ severity: 'ERROR', timestamp: iso(5), jsonPayload: { message: 'refused' } })],
    ['of zap, with seconds', json({ level: 'error', ts: at(5).getTime() / 1000, msg: 'refused' })],
    ['with nanoseconds', json({ level: 'error', time: `${at(5).getTime()}000000`, msg: 'refused' })],
    ['of journald', json({ __REALTIME_TIMESTAMP: `${at(5).getTime()}000`, PRIORITY: '3', MESSAGE: 'refused' })],
    ['of GELF', json({ version: '1.1', level: 3, timestamp: at(5).getTime() / 1000, short_message: 'refused' })],
    ['in Docker’s file', json({ log: `${json({ level: 50, msg: 'refused' })}\n`, stream: 'stdout', time: iso(5) })],
    ['in a file of CRI', `${iso(5)} stdout F ${json({ level: 50, msg: 'refused' })}`],
    ['of docker compose', `worker-1  | ${json({ level: 50, time: at(5).getTime(), msg: 'refused' })}`],
    ['of pm2', json({ message: json({ level: 50, msg: 'refused' }), timestamp: iso(5), process_id: 0, app_name: 'a' })],
    [
      'of journald, with colours',
      json({ ...journal(), MESSAGE: [...Buffer.from(`\u001b[31m${'refused'}\u001b[39m`)] }),
    ],
    ['in logfmt', `time=${iso(5)} level=error msg="refused" job=7`],
    ['of log15', `t=${iso(5)} lvl=eror msg=refused`],
    ['with a level of three letters', json({ time: iso(5), level: 'ERR', msg: 'refused' })],
    ['of java.util.logging', json({ timestamp: iso(5), level: 'SEVERE', message: 'refused' })],
    [
      'of OpenTelemetry',
      json({ timeUnixNano: `${at(5).getTime()}000000`, severityText: 'ERROR', body: { stringValue: 'refused' } }),
    ],
    ['of slog, between two levels', json({ time: iso(5), level: 'ERROR+2', msg: 'refused' })],
    [
      'of a Google Cloud agent',
      json({ severity: 'ERROR', timestampSeconds: at(5).getTime() / 1000, message: 'refused' }),
    ],
    [
      'with seconds and nanoseconds',
      json({
        severity: 'ERROR',
        timestamp: { seconds: Math.ceil(at(5).getTime() / 1000), nanos: 5 },
        textPayload: 'refused',
      }),
    ],
    ['of .NET', json({ Timestamp: iso(5), EventId: 0, LogLevel: 'Error', Message: 'refused' })],
    ['of Monolog', json({ message: 'refused', level: 400, level_name: 'ERROR', datetime: iso(5) })],
    ['of nginx', json({ time_iso8601: iso(5), level: 'error', message: 'refused' })],
    ['of Rust’s tracing', json({ timestamp: iso(5), level: 'ERROR', fields: { message: 'refused' } })],
    ['of Vector', json({ message: json({ level: 50, msg: 'refused' }), source_type: 'file', timestamp: iso(5) })],
    ['of an export of Loki', json({ labels: {}, line: json({ level: 50, msg: 'refused' }), timestamp: iso(5) })],
    ['of kubectl', `[pod/worker-7d4b9c6f5-x2x9k/main] ${iso(5)} ERROR refused`],
    ['of Lambda', `${iso(5)}\t8f5e6f3a-0000-4000-8000-000000000000\tERROR\trefused`],
    ['of PostgreSQL', `${iso(5).replace('T', ' ').replace('Z', ' UTC')} [42] ERROR:  refused`],
    ['of a Java logger, with a thread', `${iso(5)} [pool-1-thread-2] ERROR refused`],
    ['of a Python logger, with a zone', `${iso(5).replace('Z', '+0000')} - app.worker - ERROR - refused`],
    ['of Monolog as text', `[${iso(5)}] app.ERROR: refused`],
    ['as text', `${iso(5)} [error]: refused`],
    [
      'of pino-pretty',
      `\u001b[90m[${iso(5).replace('T', ' ').replace('Z', ' +0000')}]\u001b[39m \u001b[31mERROR\u001b[39m (7): refused`,
    ],
    ['with an offset and a comma', `${iso(5).replace('.', ',').replace('Z', '+00:00')} ERROR refused`],
    ['of two parts that CRI split', `${iso(6)} stderr P {"level":50,"msg":"ref\n${iso(5)} stderr F used"}`],
  ])('%s', async (_, line) => {
    const result = await search([line], { where: { level: 'error' }, since: '1m' })
    expect(result).toMatchObject({ count: 1, ...complete })
    expect(result.rows[0]).toMatchObject({ level: 'error', message: 'refused' })
    expect(await searchFiles({ where: { level: 'warn' }, since: '1m' })).toMatchObject({ count: 0, ...complete })
  })
})

describe('what is not understood is counted', () => {
  const good = json({ level: 'info', time: iso(5), msg: 'fine' })
  test.each([
    ['an infinite number', `{"level":"error","time":"${iso(5)}","value":1e999}`],
    ['deep nesting', `{"level":"error","time":"${iso(5)}","value":${'['.repeat(3_000)}${']'.repeat(3_000)}}`],
    ['a time without a zone', json({ level: 'error', time: iso(5).slice(0, 19), msg: 'refused' })],
    ['a text without a time', 'ERROR refused'],
    ['no time at all', json({ level: 'error', msg: 'refused' })],
    ['an unknown level number', json({ level: 7, time: iso(5), msg: 'refused' })],
    ['a text without a level', `${iso(5)} refused`],
    ['a level before an object, in an unknown form', `${iso(5)} !!3!! refused {"job":7}`],
    ['a word in a message after a context', `${iso(5)} [main] Error handling was slow {"job":7}`],
  ])('%s', async (_, line) => {
    const result = await search([good, line, good], { where: { level: 'error' }, since: '1h' })
    expect(result).toMatchObject({ count: 0, unparsed: 1, truncated: true })
  })

  test('lines that cannot match are not counted: before the time, without the text, without the value', async () => {
    const lines = ['> app@1.0.0 start', json({ time: iso(7_200), msg: 'old', run: 'r0' }), 'no time here', good]
    expect(await search(lines, { since: '1h', contains: ['timeout'] })).toMatchObject({ count: 0, ...complete })
    const byRun = { since: '3h', where: { run: 'r1' } }
    expect(await search(lines, byRun)).toMatchObject({ count: 0, ...complete })
    expect(await search([...lines.slice(0, 2), good], { since: '1h' })).toMatchObject({ count: 1, ...complete })
  })

  test('a time without a zone is too old in every zone', async () => {
    const line = json({ level: 'error', time: iso(86_400).slice(0, 19), msg: 'refused' })
    expect(await search([line, good], { since: '1h', where: { level: 'error' } })).toMatchObject({
      count: 0,
      ...complete,
    })
  })

  test('a field that no line has is named', async () => {
    const result = await search([good], { where: { colour: 'error' } })
    expect(result).toMatchObject({ count: 0, absentFields: ['colour'], truncated: true })
  })
})

describe('a time that cannot be right', () => {
  const query = { since: '10m', where: { level: 'error' } }

  test('is one that has not come yet: nobody knows when the line was written', async () => {
    const line = json({ level: 'error', time: iso(-7_200), msg: 'refused' })
    expect(await search(line, query)).toMatchObject({ count: 0, unparsed: 1, truncated: true })
    const harmless = json({ level: 'info', time: iso(-7_200), msg: 'started' })
    expect(await search(harmless, query)).toMatchObject({ count: 0, ...complete })
  })

  test('is that of local time that ends with Z: the file was written a moment ago, and its newest line is five hours old', async () => {
    const line = json({ level: 'error', time: iso(5 * 3_600), msg: 'refused' })
    const result = await search(line, query)
    expect(result).toMatchObject({ count: 0, unread: 1, truncated: true })
    expect(result.problem).toMatch(
      /the newest line of .*app.log is 300 minutes older than the file: the clock or the time zone/,
    )
    expect(await search(`${line}\n${json({ level: 'info', time: iso(3), msg: 'x' })}`, query)).toMatchObject({
      count: 0,
      ...complete,
    })
  })
})

describe('a capitalised word at the beginning of a message is no level', () => {
  test.each(['Error rate is low', 'Warning lights were tested', 'Critical section entered'])('%s', async (text) => {
    const query = { where: { level: ['error', 'warn', 'fatal', 'critical'] } }
    expect(await search(`${iso(5)} ${text}\n`, query)).toMatchObject({ count: 0, unparsed: 1, truncated: true })
  })

  test.each(['Error: refused', 'ERROR refused', 'error refused', '[Error] refused', 'Error - refused'])(
    '%s has one',
    async (text) => {
      expect(await search(`${iso(5)} ${text}\n`, { where: { level: 'error' } })).toMatchObject({
        count: 1,
        ...complete,
      })
    },
  )
})

describe('times without a zone', () => {
  /** What the clocks of a place show: `2026-11-28 09:00:01.000`. */
  const clock = (timeZone: string, secondsAgo: number) =>
    `${at(secondsAgo).toLocaleString('sv', { timeZone })}.${String(at(secondsAgo).getMilliseconds()).padStart(3, '0')}`
  const inZone = (timeZone: string, parameters: JsonObject) => searchFiles(parameters, [join(directory, '*')], timeZone)

  test.each(['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Auckland'])(
    'are read in the time zone of the connection: %s',
    async (timeZone) => {
      const lines = [
        json({ level: 'error', time: clock(timeZone, 5), msg: 'refused' }),
        `${clock(timeZone, 4)} ERROR refused`,
        `${clock(timeZone, 70)} ERROR older`,
      ]
      await search(lines)
      const result = await inZone(timeZone, { where: { level: 'error' }, since: '1m' })
      expect(result).toMatchObject({ count: 2, ...complete })
      expect(Math.abs(Date.parse(result.rows[0]!.time) - at(4).getTime())).toBeLessThan(2_000)
    },
  )

  test('that the clocks show twice or never are not understood; those around them are', async () => {
    const times = ['01:59:59', '02:00:00', '02:59:59', '03:00:00']
    await search([
      ...times.map((time) => `2026-03-29 ${time} spring`),
      ...times.map((time) => `2026-10-25 ${time} autumn`),
    ])
    const result = await inZone('Europe/Berlin', {})
    expect(result).toMatchObject({ count: 4, unparsed: 4, truncated: true })
    expect(result.rows.map(({ time, message }) => `${time} ${message}`)).toEqual([
      '2026-10-25T02:00:00.000Z autumn',
      '2026-10-24T23:59:59.000Z autumn',
      '2026-03-29T01:00:00.000Z spring',
      '2026-03-29T00:59:59.000Z spring',
    ])
  })

  test('have the time that the container runtime or collector wrote', async () => {
    const lines = [
      `${iso(5)} stdout F 2020-01-01 03:00:01 ERROR refused`,
      json({
        log: `${json({ level: 'error', time: '2020-01-01 03:00:01', msg: 'refused' })}\n`,
        stream: 'stdout',
        time: iso(4),
      }),
      json({ level: 'error', time: '2020-01-01 03:00:01', '@timestamp': iso(3), msg: 'refused' }),
    ]
    const result = await search(lines, { where: { level: 'error' }, since: '1m' })
    expect(result).toMatchObject({ count: 3, ...complete })
  })
})

test('nested fields, and other loggers’ names for the message, can be searched', async () => {
  const lines = [json({ time: iso(5), msg: 'failed', err: { type: 'E', code: 'X1', list: [1] } })]
  expect(await search(lines, { where: { 'err.code': 'X1' } })).toMatchObject({ count: 1 })
  expect(await searchFiles({ where: { err: { code: 'X1' } } })).toMatchObject({ count: 1 })
  expect(await searchFiles({ where: { message: 'failed' } })).toMatchObject({ count: 1 })
  expect(await searchFiles({ where: { 'err.code': 'X2' } })).toMatchObject({ count: 0, ...complete })
})

test('ids beyond 2^53 are exact', async () => {
  const lines = [`{"time":"${iso(5)}","id":9007199254740993}`]
  expect(await search(lines, { where: { id: '9007199254740993' } })).toMatchObject({ count: 1 })
  expect(await searchFiles({ where: { id: '9007199254740992' } })).toMatchObject({ count: 0 })
})

test('a text with escape sequences is found as it reads', async () => {
  const lines = [`{"time":"${iso(5)}","msg":"caf\\u00e9 \\"closed\\""}`]
  expect(await search(lines, { contains: ['café "closed"'] })).toMatchObject({ count: 1 })
})

describe('characters that are not ASCII', () => {
  const searches: JsonObject[] = [{ contains: ['FÜR'] }, { where: { to: 'Müller' } }]

  test('are found in either form of Unicode', async () => {
    const line = json({ time: iso(5), msg: 'sent für', to: 'Müller' })
    for (const query of searches) {
      expect(await search([line.normalize('NFD')], query)).toMatchObject({ count: 1, ...complete })
      expect(await search([line.normalize('NFC')], query)).toMatchObject({ count: 1, ...complete })
    }
  })

  test('of a file in Latin 1 are not understood, and do not count as absent', async () => {
    const line = Buffer.from(`${json({ time: iso(5), msg: 'sent für', to: 'Müller' })}\n`, 'latin1')
    for (const query of searches)
      expect(await search(line, query)).toMatchObject({ count: 0, unparsed: 1, truncated: true })
    expect(await search(line, { contains: ['sent'] })).toMatchObject({ count: 1, ...complete })
    expect(await searchFiles({ contains: ['lost'] })).toMatchObject({ count: 0, ...complete })
  })
})

test('a file whose lines end with CR alone is not understood, also while it is written', async () => {
  const lines = [json({ time: iso(6), level: 'info' }), json({ time: iso(5), level: 'error' })]
  const result = await search(`${lines.join('\r')}\r`, { where: { level: 'error' } })
  expect(result).toMatchObject({ count: 0, unparsed: 1, truncated: true })
})

test('a stack trace belongs to its text line', async () => {
  const lines = [`${iso(5)} ERROR job failed`, 'Error: refused', '    at send (mail.js:1:2)', `${iso(4)} INFO next`]
  const result = await search(lines, { contains: ['mail.js'] })
  expect(result).toMatchObject({ count: 1, ...complete })
  expect(result.rows[0]!.message).toBe('job failed\nError: refused\n    at send (mail.js:1:2)')
})

test('a long stack trace is searched to its end, and its message is limited', async () => {
  const frames = Array.from({ length: 2_000 }, (_, i) => `    at step${i} (/srv/app/node_modules/queue/index.js:1:2)`)
  const result = await search([`${iso(5)} ERROR job failed`, ...frames, '    at last (mail.js:1:2)'], {
    contains: ['mail.js'],
  })
  expect(result).toMatchObject({ count: 1, ...complete })
  expect(result.rows[0]!.message!.length).toBeLessThan(40_000)
})

describe('a line without a time after one with a time', () => {
  const banner = `${iso(7_200)} [info] server listens`
  const since = { since: '1h', contains: ['refused'] }

  test.each([
    ['the output of another part of the program', ['payment refused']],
    ['the stack trace of console.error', ['Error: refused', '    at pay (pay.js:1:2)']],
  ])('is not as old as that one: %s', async (_, lines) => {
    expect(await search([banner, ...lines], since)).toMatchObject({ count: 0, unparsed: 1, truncated: true })
  })

  test('is older than the next line with a time', async () => {
    const lines = [banner, 'payment refused', `${iso(7_000)} [info] still here`, `${iso(0)} [info] now`]
    expect(await search(lines, since)).toMatchObject({ count: 0, ...complete })
  })
})

test.each([
  ['Lambda with Python', `[ERROR]\t${iso(5)}\t8f5e6f3a-0000-4000-8000-000000000000\trefused`],
  ['a logger of Ruby, with a zone', `E, [${iso(5)} #42] -- : refused`],
])('a level before the time is read: %s', async (_, line) => {
  const result = await search([line], { where: { level: 'error' }, since: '1m' })
  expect(result).toMatchObject({ count: 1, ...complete })
})

test('the number that begins a syslog line holds the level', async () => {
  expect(await search([`<11>1 ${iso(5)} host worker 42 - - refused`], { where: { level: 'error' } })).toMatchObject({
    count: 1,
    ...complete,
  })
})

describe('files', () => {
  const error = `${json({ level: 50, time: Date.now() - 60_000, msg: 'refused' })}\n`
  const query = { where: { level: 'error' }, since: '1h' }

  test('that gzip compressed are read', async () => {
    expect(await search(gzipSync(error.repeat(3)), query, 'app.log.1.gz')).toMatchObject({ count: 3, ...complete })
  })

  test.each([
    ['a broken gzip file', gzipSync(error.repeat(100)).subarray(0, 40), 'unexpected end of file'],
    ['zstd', Buffer.from('28b52ffd0000', 'hex'), 'compressed with zstd'],
    ['a compressed bomb', gzipSync(Buffer.alloc(80 * 1024 * 1024)), 'more than 64 MB'],
  ])('of which nothing can be read are counted: %s', async (_, content, problem) => {
    const result = await search(content, query)
    expect(result).toMatchObject({ count: 0, unread: 1, truncated: true, problem: expect.stringContaining(problem) })
    expect(result.problem).toContain(join(directory, 'app.log'))
  })

  test('that cannot be opened are counted', async () => {
    symlinkSync('loop.log', join(directory, 'loop.log'))
    expect(await search(error, query)).toMatchObject({ count: 1, unread: 1, truncated: true })
  })

  test('that cannot be read and are older than the time do not matter', async () => {
    await search(Buffer.from('28b52ffd0000', 'hex'), query, 'app.log.2.zst')
    const past = Date.now() / 1000 - 7_200
    utimesSync(join(directory, 'app.log.2.zst'), past, past)
    expect(await search(error, query)).toMatchObject({ count: 1, ...complete })
  })

  test('with several names are read once', async () => {
    writeFileSync(join(directory, 'app.log'), error)
    symlinkSync('app.log', join(directory, 'current.log'))
    linkSync(join(directory, 'app.log'), join(directory, 'copy.log'))
    expect(await searchFiles(query)).toMatchObject({ count: 1, ...complete })
  })

  test('that are no files are counted, and folders that a wildcard matches are not', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe.log')])
    mkdirSync(join(directory, 'archive'))
    const result = await search(error, query)
    expect(result).toMatchObject({ count: 1, unread: 1, truncated: true })
    expect(result.problem).toBe(`cannot read ${join(directory, 'pipe.log')}: it is a pipe, not a file`)
  })

  test.each([
    ['a folder instead of its files', () => directory, 'it is a folder, not a file'],
    ['a folder that does not exist', () => join(directory, 'absent', '*.log'), 'absent does not exist'],
    ['a file of a folder that does not exist', () => join(directory, 'absent', 'app.log'), 'absent does not exist'],
  ])('of a pattern that names %s are counted', async (_, pattern, problem) => {
    await search(error, query)
    const both = await searchFiles(query, [join(directory, '*'), pattern()])
    expect(both).toMatchObject({ count: 1, unread: 1, truncated: true, problem: expect.stringContaining(problem) })
    await expect(searchFiles(query, [pattern()])).rejects.toThrow(problem)
  })

  test('that are not there yet, in a folder that is, do not matter', async () => {
    await search(error, query)
    const patterns = [join(directory, '*'), join(directory, 'error.log'), join(directory, '*.1')]
    expect(await searchFiles(query, patterns)).toMatchObject({ count: 1, ...complete })
  })

  test('that were emptied while the program went on writing are read after the gap', async () => {
    expect(await search(Buffer.concat([Buffer.alloc(5_000), Buffer.from(`\n${error}`)]), query)).toMatchObject({
      count: 1,
      unparsed: 1,
    })
  })

  test('of Windows are read: UTF-16, a byte order mark, CRLF', async () => {
    const crlf = error.replace('\n', '\r\n')
    expect(await search(Buffer.from(`\ufeff${crlf}`, 'utf16le'), query)).toMatchObject({ count: 1, ...complete })
    expect(await search(`\ufeff${crlf}`, query)).toMatchObject({ count: 1, ...complete })
  })
})

test.each([
  ['glog', `E1128 03:00:01.123000   12345 worker.go:42] "refused" err="boom"`],
  ['a syslog file', 'Nov 28 03:00:01 host worker[42]: ERROR refused'],
  ['log4j without a zone', `${iso(5).slice(0, 23).replace('T', ' ')} [main] ERROR com.x.Worker - refused`],
  ['logfmt with a text between its fields', `time=${iso(5)} level=error oh no msg=refused`],
  ['a time with the number of its week', '2026-W48-6T03:00:00Z ERROR refused'],
])('a line of %s is found or counted as not understood, never as no error', async (_, line) => {
  const { count, unparsed, truncated } = await search([line], { where: { level: 'error' }, since: '1h' })
  expect([count, unparsed]).not.toEqual([0, 0])
  expect(truncated).toBe(true)
})
