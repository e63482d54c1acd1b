import { appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCheck } from '../../../../activities/checks/run-check.ts'
import type { JsonObject } from '../../../../src/core/json.ts'
import { openTargets } from '../../../../src/targets/open-targets.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'logs-'))
  mkdirSync(join(directory, 'logs'))
})
afterEach(() => rmSync(directory, { recursive: true }))

async function search(parameters: JsonObject = {}) {
  const targets = openTargets({
    connections: { logs: { kind: 'logs', files: [join(directory, 'logs', '*.jsonl*')], redact: ['email'] } },
  })
  const given = { connection: 'logs', ...parameters }
  return runCheck(
    { name: 'l', kind: 'logs.search', parameters: given, timeoutMs: 5_000, retries: 0, place: 'p' },
    targets,
  )
}

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()

function write(file: string, ...lines: (JsonObject | string)[]): void {
  const text = lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
  appendFileSync(join(directory, 'logs', file), text)
}

const rowsOf = (evidence: Awaited<ReturnType<typeof search>>) => evidence.result!.rows as JsonObject[]

test('matches of all files are sorted newest first, rotated files included', async () => {
  write('a.jsonl.1', { time: ago(30), msg: 'oldest' })
  write('a.jsonl', { time: ago(10), msg: 'newest', level: 50, run: 'r1', email: 'x@y' })
  write('b.jsonl', { timestamp: ago(20), message: 'middle', level: 'warn' })
  write('c.txt', { time: ago(1), msg: 'another kind of file' })
  const evidence = await search()
  expect(rowsOf(evidence).map((row) => row.message)).toEqual(['newest', 'middle', 'oldest'])
  expect(rowsOf(evidence)[0]).toMatchObject({ level: 'error', fields: { run: 'r1', email: '[redacted]' } })
  expect(evidence.result).toMatchObject({ count: 3, newest: rowsOf(evidence)[0]!.time, truncated: false })
})

test('fields, texts and time restrict the search', async () => {
  write(
    'a.jsonl',
    { time: ago(7200), msg: 'Worker timeout', type: 'inference', run: 'old' },
    { time: ago(50), msg: 'Worker timeout', type: 'inference', run: 'a' },
    { time: ago(40), msg: 'done', type: 'inference', run: 'b' },
    { time: ago(30), msg: 'failed', error: 'connection REFUSED', type: 'load', run: 'c' },
    { time: ago(20), msg: 'Worker timeout', type: 'other', run: 7 },
  )
  const runs = async (parameters: JsonObject) =>
    rowsOf(await search(parameters)).map((row) => (row.fields as JsonObject).run)
  expect(await runs({ where: { type: 'inference' }, contains: ['Worker timeout'], since: '1h' })).toEqual(['a'])
  expect(await runs({ contains: ['worker timeout', 'Connection refused'], since: '1h' })).toEqual([7, 'c', 'a'])
  expect(await runs({ where: { type: ['load', 'other'] } })).toEqual([7, 'c'])
  expect(await runs({ where: { run: '7' } })).toEqual([7])
  expect(await runs({ where: { run: [] } })).toEqual([])
})

test('no matching line is a result', async () => {
  write('a.jsonl', { time: ago(10), msg: 'x', run: 'a' })
  expect((await search({ where: { run: 'silent' } })).result).toEqual({
    count: 0,
    newest: null,
    rows: [],
    unparsed: 0,
    unread: 0,
    problem: null,
    absentFields: [],
    truncated: false,
  })
})

test('broken lines and lines without a time are counted; the line that is being written is not', async () => {
  write('a.jsonl', 'not json', '{"time":', { msg: 'no time' }, '[1]', '', { time: 'yesterday', msg: 'bad time' })
  write('a.jsonl', { time: Date.now() - 5_000, msg: 'ms' }, { ts: Math.floor(Date.now() / 1000) - 9, msg: 's' })
  appendFileSync(join(directory, 'logs', 'a.jsonl'), '{"time":"2026-01-01T00:00:00Z","msg":"being writ')
  const evidence = await search()
  expect(rowsOf(evidence).map((row) => row.message)).toEqual(['ms', 's'])
  expect(evidence.result).toMatchObject({ count: 2, unparsed: 5, truncated: true })
})

test('matches beyond the limit are counted, and the result is truncated', async () => {
  write('a.jsonl', ...Array.from({ length: 30 }, (_, i) => ({ time: ago(100 - i), msg: `m${i}` })))
  const evidence = await search({ limit: 2 })
  expect(evidence.result).toMatchObject({ count: 30, truncated: true })
  expect(rowsOf(evidence).map((row) => row.message)).toEqual(['m29', 'm28'])
})

test('only the end of a large file is read, and the result is truncated unless that end covers the requested time', async () => {
  const line = (seconds: number) => `${JSON.stringify({ time: ago(seconds), msg: 'x', pad: 'p'.repeat(1_000) })}\n`
  writeFileSync(join(directory, 'logs', 'a.jsonl'), line(86_400).repeat(9_000) + line(5))
  expect((await search({ contains: ['"x"'], limit: 1 })).result).toMatchObject({ truncated: true })
  expect((await search({ since: '1h' })).result).toMatchObject({ count: 1, truncated: false })
})

test('a file last written before the requested time is not read', async () => {
  write('old.jsonl', { time: ago(1), msg: 'claims to be new' })
  const past = Date.now() / 1000 - 7_200
  utimesSync(join(directory, 'logs', 'old.jsonl'), past, past)
  expect((await search({ since: '1h' })).result).toMatchObject({ count: 0 })
})

test('no matching file is a failed check', async () => {
  expect(await search()).toMatchObject({ status: 'failed', error: expect.stringContaining('no file matches') })
})

test('a field that no line has makes the result incomplete, unless lines without it are wanted', async () => {
  write('a.jsonl', { time: ago(10), msg: 'x', run: 'a' })
  expect((await search({ where: { order: 7 } })).result).toMatchObject({
    count: 0,
    absentFields: ['order'],
    truncated: true,
  })
  expect((await search({ where: { order: null } })).result).toMatchObject({
    count: 1,
    absentFields: [],
    truncated: false,
  })
  expect((await search({ where: { order: [7, null] } })).result).toMatchObject({ count: 1, truncated: false })
  write('a.jsonl', { time: ago(90), msg: 'x', order: 8 })
  expect((await search({ where: { order: 7 } })).result).toMatchObject({ count: 0, absentFields: [], truncated: false })
})
