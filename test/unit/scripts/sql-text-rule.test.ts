import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const REFUSED = {
  'a value in a template': 'export const f = (id: string) => `SELECT * FROM runs WHERE id = ${id}`',
  'a value in quotes': "export const f = (id: string) => `UPDATE runs SET a = '${id}'`",
  'a property': 'export const f = (row: { id: string }) => `DELETE FROM runs WHERE id = ${row.id}`',
  'a call of an unknown function': 'export const f = (clean: (x: string) => string) => `SELECT ${clean("x")}`',
  'a sum': "export const f = (id: string) => 'SELECT * FROM runs WHERE id = ' + id",
  'a list': "export const f = (ids: string[]) => `SELECT * FROM runs WHERE id IN (${ids.join(', ')})`",
  'a mapped list': "export const f = (ids: string[]) => `SELECT ${ids.map((id) => `'${id}'`).join(', ')}`",
  'a variable': "let id = 'x'; id += 'y'; export const f = () => `SELECT ${id}`",
  'a constant made of a value': 'export const f = (id: string) => { const q = `${id}`; return `SELECT ${q}` }',
}

const ACCEPTED = {
  parameters: "export const f = (q: Function, id: string) => q('SELECT * FROM runs WHERE id = $1', [id])",
  'a constant of the module': "const COLUMNS = 'a, b'; export const f = () => `SELECT ${COLUMNS} FROM runs`",
  'a quoted name':
    'export const f = (c: { escapeIdentifier: Function }, n: string) => `DROP ROLE ${c.escapeIdentifier(n)}`',
  'quoted names': "export const f = (quoted: any, n: string[]) => `SELECT ${n.map(quoted).join(', ')}`",
  'text that is not SQL': 'export const f = (id: string) => `Selected: ${id}`',
}

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'sql-text-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** How many problems the rule reports in each sample. The linter takes more than a second to start, so it runs once for all. */
let problems: Map<string, number>

beforeAll(async () => {
  const samples = Object.entries({ ...REFUSED, ...ACCEPTED })
  const config = { jsPlugins: [at('scripts/sql-text-rule.js')], rules: { 'runbook/sql-text': 'error' } }
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  samples.forEach(([, text], index) => writeFileSync(join(directory, `${index}.ts`), text))
  const argv = [at('node_modules/oxlint/bin/oxlint'), '-c', join(directory, 'config.json'), '--format=json', directory]
  const report = await new Promise<string>((resolve) => {
    execFile(process.execPath, argv, (_, out) => resolve(String(out)))
  })
  const { diagnostics, number_of_files: files } = JSON.parse(report) as {
    diagnostics: { code: string; filename: string }[]
    number_of_files: number
  }
  if (files !== samples.length) throw new Error(`the linter read ${files} of ${samples.length} samples: ${report}`)
  const found = diagnostics.filter(({ code }) => code === 'runbook(sql-text)').map(({ filename }) => filename)
  problems = new Map(
    samples.map(([name], index) => [name, found.filter((file) => file.endsWith(`/${index}.ts`)).length]),
  )
}, 30_000)

test.each(Object.keys(REFUSED))('%s in SQL text is refused', (sample) => {
  expect(problems.get(sample)).toBe(1)
})

test.each(Object.keys(ACCEPTED))('%s is accepted', (sample) => {
  expect(problems.get(sample)).toBe(0)
})
