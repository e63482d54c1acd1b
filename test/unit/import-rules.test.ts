import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

interface ImportRule {
  imports: string[]
  types?: string[]
  packages: string[]
}

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const RULES = JSON.parse(readFileSync(join(root, 'import-rules.json'), 'utf8')) as Record<string, ImportRule>
/** All folders except the tests, which may import everything. */
const FOLDERS = Object.keys(RULES).filter((folder) => folder !== 'test')
const IMPORT_RULE = 'runbook-imports(imports)'

/** An entry of the rules is a folder or one file. */
const fileOf = (entry: string) => (entry.endsWith('.ts') ? entry : `${entry}/thing.ts`)
const folderEntries = FOLDERS.filter((entry) => !entry.endsWith('.ts'))

const REFUSED: [folder: string, code: string][] = [
  ['src/core', `import 'node:crypto'`],
  ['src/core', `import { z } from 'zod'\nvoid z`],
  ['src/interpreter', `import { sha256 } from '@noble/hashes/sha2.js'\nvoid sha256`],
  ['src/interpreter', `import { KINDS } from '../language/kinds/table.ts'\nvoid KINDS`],
  ['src/language', `import { readFileSync } from 'fs'\nvoid readFileSync`],
  ['src/language/expressions', `import { thing } from '../thing.ts'\nvoid thing`],
  ['src/gate', `export const lazily = () => import('../effects/thing.ts')`],
  ['src/history', `export * from '../gate/thing.ts'`],
  ['src/core', `export type Thing = import('../gate/thing.ts').Thing`],
  ['workflows', `import 'yaml'`],
  ['workflows', `import { readFile } from 'node:fs/promises'\nvoid readFile`],
  ['workflows', `import { thing } from '../activities/thing.ts'\nvoid thing`],
  ['workflows', `import { thing } from '../src/language/thing.ts'\nvoid thing`],
  ['examples/maestro', `import { thing } from '../../src/core/thing.ts'\nvoid thing`],
  ['src/engine/views', `import { thing } from '../../http/thing.ts'\nvoid thing`],
  ['src/new-folder', `import { thing } from '../core/thing.ts'\nvoid thing`],
]
const ALLOWED: [folder: string, code: string][] = [
  ['src/core', `import { sha256 } from '@noble/hashes/sha2.js'\nvoid sha256`],
  ['src/interpreter', `import { evaluate } from '../language/expressions/thing.ts'\nvoid evaluate`],
  ['src/language/expressions', `import type { Rule } from '../thing.ts'\nexport type A = Rule`],
  ['src/language/load.ts', `import { readFileSync } from 'node:fs'\nvoid readFileSync`],
  ['src/engine/views', `import { thing } from '../setup/thing.ts'\nvoid thing`],
  ['workflows', `import { sleep } from '@temporalio/workflow'\nvoid sleep`],
  ['workflows', `import type { thing } from '../activities/thing.ts'\nexport type Thing = typeof thing`],
]
const CYCLE = ['src/core/one.ts', 'src/core/two.ts']

/** A copy of the project's lint settings, with small files in each folder; linted once, because each run takes half a second. */
let refusals: { file: string; rule: string }[]
let tree: string
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'import-rules-'))
  const settings = ['.oxlintrc.json', 'import-rules.json', 'scripts/import-rule.js', 'scripts/sql-text-rule.js']
  for (const file of settings) await cp(join(root, file), join(tree, file))
  for (const entry of [...FOLDERS, 'test']) await write(fileOf(entry), 'export const thing = 1\n')
  for (const from of folderEntries) {
    for (const to of [...FOLDERS, 'test']) if (from !== to) await write(crossing(from, to), importOf(from, to))
  }
  for (const [name, cases] of Object.entries({ refused: REFUSED, allowed: ALLOWED })) {
    for (const [i, [folder, code]] of cases.entries()) await write(caseFile(folder, name, i), `${code}\nexport {}\n`)
  }
  await write(CYCLE[0]!, `import { two } from './two.ts'\nexport const one = () => two\n`)
  await write(CYCLE[1]!, `import { one } from './one.ts'\nexport const two = () => one\n`)
  refusals = await lint()
})
afterAll(() => rm(tree, { recursive: true, force: true }))

test('between each two folders an import is refused unless import-rules.json allows it', () => {
  for (const from of folderEntries) {
    for (const to of [...FOLDERS, 'test'].filter((entry) => entry !== from))
      expect(isRefused(crossing(from, to)), `${from} imports ${to}`).toBe(!RULES[from]!.imports.includes(to))
  }
})

test('every folder has at least one other folder that it may not import', () => {
  for (const from of folderEntries)
    expect(
      [...FOLDERS, 'test'].some((to) => to !== from && isRefused(crossing(from, to))),
      from,
    ).toBe(true)
})

test.each(REFUSED.map(([folder, code], i) => [folder, code, i] as const))('%s may not contain: %s', (folder, _, i) => {
  expect(isRefused(caseFile(folder, 'refused', i))).toBe(true)
})

test.each(ALLOWED.map(([folder, code], i) => [folder, code, i] as const))('%s may contain: %s', (folder, _, i) => {
  expect(isRefused(caseFile(folder, 'allowed', i))).toBe(false)
})

test('the workflow bundle can contain only the pure folders: no kinds, no YAML parser, no I/O', () => {
  const reached = new Set<string>()
  const visit = (folder: string): void => {
    if (reached.has(folder)) return
    reached.add(folder)
    for (const next of RULES[folder]!.imports) visit(next)
  }
  visit('workflows')
  expect([...reached].toSorted()).toEqual(['src/core', 'src/interpreter', 'src/language/expressions', 'workflows'])
  const packages = [...reached].flatMap((folder) => RULES[folder]!.packages)
  expect(packages.toSorted()).toEqual(['@marcbachmann/cel-js', '@noble/hashes', '@temporalio/workflow', 'canonicalize'])
})

test('the rules themselves have no cycle: the folders can be put in an order', () => {
  const left = new Set(FOLDERS)
  for (let found = true; found;) {
    const free = [...left].filter((folder) => !RULES[folder]!.imports.some((to) => left.has(to)))
    for (const folder of free) left.delete(folder)
    found = free.length > 0
  }
  expect([...left]).toEqual([])
})

test('a cycle of imports is refused', () => {
  const files = refusals.filter(({ rule }) => rule === 'import(no-cycle)').map(({ file }) => file)
  expect(files.toSorted()).toEqual(CYCLE)
})

const isRefused = (path: string) => refusals.some(({ file, rule }) => file === path && rule === IMPORT_RULE)

const caseFile = (folder: string, name: string, i: number) =>
  folder.endsWith('.ts') ? folder : `${folder}/${name}-${i}.ts`

/** The name of the test's file in the folder `from` that imports something from `to`. */
const crossing = (from: string, to: string) => `${from}/from-${to.replaceAll('/', '-').replace('.ts', '')}.ts`

function importOf(from: string, to: string): string {
  const path = relative(from, fileOf(to))
  return `export { thing } from '${path.startsWith('.') ? path : `./${path}`}'\n`
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(tree, file)), { recursive: true })
  await writeFile(join(tree, file), text)
}

async function lint(): Promise<{ file: string; rule: string }[]> {
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  // oxlint exits with 1 when it finds something; execFile then throws an error that holds the output.
  const { stdout } = await run(oxlint, ['--format', 'json'], { cwd: tree, maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: { stdout: string }) => error,
  )
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }
  return diagnostics.map(({ code, filename }) => ({ file: filename, rule: code }))
}
