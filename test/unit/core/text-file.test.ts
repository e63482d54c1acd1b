import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.ts'
import { decodeTextFile } from '../../../src/core/text-file.ts'
import { loadRunbooks } from '../../../src/language/load.ts'
import { readLogTails } from '../../../src/targets/read-logs.ts'

const minimal = readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const utf16 = (text: string) => Buffer.from(text, 'utf16le')
const FORMS: [string, (text: string) => string | Buffer][] = [
  ['a byte order mark', (text) => `\ufeff${text}`],
  ['CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['lone carriage returns', (text) => text.replaceAll('\n', '\r')],
  ['an end-of-file character', (text) => `${text.replaceAll('\n', '\r\n')}\u001a`],
  ['no line break at the end', (text) => text.trimEnd()],
  ['UTF-16 LE with its mark', (text) => utf16(`\ufeff${text}`)],
  ['UTF-16 BE with its mark', (text) => utf16(`\ufeff${text}`).swap16()],
]

const load = (content: string | Buffer) => {
  writeFileSync(join(folder, 'a.yaml'), content)
  return loadRunbooks([folder])
}

test.each(FORMS)('a runbook with %s is read, and a mistake has the same place as without', (_, form) => {
  expect(load(form(minimal)).problems).toEqual([])
  const wrong = minimal.replace('symptom:', 'symtom:')
  const { line, column } = load(wrong).problems[0]!
  expect(load(form(wrong)).problems[0]).toMatchObject({ rule: 'unknown-field', line, column })
})

test.each<[string, Buffer, string]>([
  [
    'Windows-1252',
    Buffer.from(minimal.replace('title: ', 'title: caf\u00e9 '), 'latin1'),
    'This character is not UTF-8',
  ],
  ['UTF-16 without a mark', utf16(minimal), 'probably UTF-16'],
])('a runbook in %s is refused with the reason', (_, content, reason) => {
  expect(load(content).problems).toMatchObject([
    { rule: 'forbidden-character', message: expect.stringContaining(reason) },
  ])
})

test('a configuration and its environment file are read in each form, or refused by the line that is not UTF-8', () => {
  const config = readFileSync(new URL('../../../runbook.config.yaml', import.meta.url), 'utf8')
  mkdirSync(join(folder, '.runbook'))
  const path = join(folder, 'runbook.config.yaml')
  const reading = (content: string | Buffer, env: string | Buffer) => {
    writeFileSync(path, content)
    writeFileSync(join(folder, '.runbook', 'env'), env, { mode: 0o600 })
    return () => loadConfig({ file: path, env: {} })
  }
  const outcomeOf = (read: () => unknown) => {
    try {
      return JSON.stringify(read())
    } catch (error) {
      return String(error)
    }
  }
  const env = 'A=1\nMAESTRO_DATABASE_URL=x\n'
  const plain = outcomeOf(reading(config, env))
  for (const [, form] of FORMS) expect(outcomeOf(reading(form(config), form(env)))).toBe(plain)
  expect(reading(Buffer.from(`${config}# caf\u00e9\n`, 'latin1'), env)).toThrow('not UTF-8')
  expect(reading(config, Buffer.from('A=1\nPASSWORD=caf\u00e9\n', 'latin1'))).toThrow(
    /env:2: This character is not UTF-8/,
  )
})

test('a log file in UTF-16 of either order is read, also when only its end is', async () => {
  const file = join(folder, 'a.log')
  const lines = Array.from(
    { length: 3 },
    (_, i) => `{"level":"error","msg":"caf\u00e9 ${i}","pad":"${'x'.repeat(2_000_000)}"}`,
  )
  for (const swap of [false, true]) {
    const bytes = utf16(`\ufeff${lines.join('\r\n')}\r\n`)
    writeFileSync(file, swap ? bytes.swap16() : bytes)
    for await (const tail of readLogTails([{ file, size: bytes.length, mtimeMs: 0 }])) {
      expect(tail.whole).toBe(false)
      expect([...tail.lines].map((line, i) => line === lines[i + 1])).toEqual([true, true])
    }
  }
})

test('only a lone carriage return becomes a line break, and only the last end-of-file character goes', () => {
  expect(decodeTextFile(Buffer.from('a\rb\r\nc\u001ad\u001a\r\n'))).toBe('a\nb\r\nc\u001ad')
})
