import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'sql-text-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** How many problems the rule reports in a file with this text. */
async function problemCount(text: string): Promise<number> {
  const config = { jsPlugins: [at('scripts/sql-text-rule.js')], rules: { 'runbook/sql-text': 'error' } }
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  writeFileSync(join(directory, 'file.ts'), text)
  const argv = [at('node_modules/oxlint/bin/oxlint'), '-c', join(directory, 'config.json'), join(directory, 'file.ts')]
  const { stdout } = await new Promise<{ stdout: string }>((resolve) =>
    execFile(process.execPath, argv, (_, out) => resolve({ stdout: String(out) })),
  )
  return stdout.split('runbook(sql-text)').length - 1
}

test.each([
  ['a value in a template', 'export const f = (id: string) => `SELECT * FROM runs WHERE id = ${id}`'],
  ['a value in quotes', "export const f = (id: string) => `UPDATE runs SET a = '${id}'`"],
  ['a property', 'export const f = (row: { id: string }) => `DELETE FROM runs WHERE id = ${row.id}`'],
  ['a call of an unknown function', 'export const f = (clean: (x: string) => string) => `SELECT ${clean("x")}`'],
  ['a sum', "export const f = (id: string) => 'SELECT * FROM runs WHERE id = ' + id"],
  ['a list', "export const f = (ids: string[]) => `SELECT * FROM runs WHERE id IN (${ids.join(', ')})`"],
  ['a mapped list', "export const f = (ids: string[]) => `SELECT ${ids.map((id) => `'${id}'`).join(', ')}`"],
  ['a variable', "let id = 'x'; id += 'y'; export const f = () => `SELECT ${id}`"],
  ['a constant made of a value', 'export const f = (id: string) => { const q = `${id}`; return `SELECT ${q}` }'],
])('%s in SQL text is refused', async (_, text) => {
  expect(await problemCount(text)).toBe(1)
})

test.each([
  ['parameters', "export const f = (q: Function, id: string) => q('SELECT * FROM runs WHERE id = $1', [id])"],
  ['a constant of the module', "const COLUMNS = 'a, b'; export const f = () => `SELECT ${COLUMNS} FROM runs`"],
  [
    'a quoted name',
    'export const f = (c: { escapeIdentifier: Function }, n: string) => `DROP ROLE ${c.escapeIdentifier(n)}`',
  ],
  ['quoted names', "export const f = (quoted: any, n: string[]) => `SELECT ${n.map(quoted).join(', ')}`"],
  ['text that is not SQL', 'export const f = (id: string) => `Selected: ${id}`'],
])('%s is accepted', async (_, text) => {
  expect(await problemCount(text)).toBe(0)
})
