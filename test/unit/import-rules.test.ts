import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** Who may import whom, as ARCHITECTURE.md says it; what is not listed is refused. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'src/core': [],
  'src/language': ['src/core'],
  'src/interpreter': ['src/core', 'src/language'],
  workflows: ['src/core', 'src/interpreter'],
  'src/config': ['src/core'],
  'src/history': ['src/core'],
  'src/gate': ['src/core', 'src/config', 'src/history'],
  'src/targets': ['src/core', 'src/config'],
  'src/effects': ['src/core', 'src/config', 'src/history', 'src/gate', 'src/targets'],
  'src/stack': ['src/core'],
  'examples/maestro': [],
}
const FOLDERS = [
  ...Object.keys(MAY_IMPORT),
  ...['activities', 'src/temporal', 'src/engine', 'src/http', 'src/cli', 'bench', 'test/support'],
]

let tree: string
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'import-rules-'))
  // The settings, and the rule of our own that they name.
  for (const file of ['.oxlintrc.json', 'scripts/sql-text-rule.js']) await cp(join(root, file), join(tree, file))
  for (const folder of FOLDERS) await write(`${folder}/thing.ts`, 'export const thing = 1\n')
})
afterAll(() => rm(tree, { recursive: true, force: true }))

test('an import against the direction of the architecture is refused, one along it is not', async () => {
  const expected: string[] = []
  for (const from of Object.keys(MAY_IMPORT)) {
    for (const to of FOLDERS) {
      if (from === to) continue
      const file = `${from}/from-${to.replaceAll('/', '-')}.ts`
      await write(file, `import { thing } from '${relative(from, to)}/thing.ts'\nexport const other = thing\n`)
      if (!MAY_IMPORT[from]?.includes(to)) expected.push(file)
    }
  }
  expect(await refusedFiles('eslint(no-restricted-imports)')).toEqual(expected.toSorted())
})

test.each([
  ['workflows', `import 'yaml'`],
  ['workflows', `import { readFile } from 'node:fs/promises'\nvoid readFile`],
  ['workflows', `import { thing } from '../activities/thing.ts'\nvoid thing`],
  ['src/core', `import { createHash } from 'node:crypto'\nvoid createHash`],
  ['src/core', `import { z } from 'zod'\nvoid z`],
  ['src/interpreter', `import { sha256 } from '@noble/hashes/sha2.js'\nvoid sha256`],
  ['src/language', `import { readFileSync } from 'node:fs'\nvoid readFileSync`],
  ['src/gate', `export const lazily = () => import('../effects/thing.ts')`],
  ['src/history', `export { thing } from '../gate/thing.ts'`],
])('%s may not contain: %s', async (folder, code) => {
  const file = `${folder}/particular.ts`
  await write(file, `${code}\nexport {}\n`)
  expect(await refusedFiles('eslint(no-restricted-imports)')).toContain(file)
  await rm(join(tree, file))
})

test.each([
  ['workflows', `import { sleep } from '@temporalio/workflow'\nvoid sleep`],
  ['workflows', `import type { thing } from '../activities/thing.ts'\nexport type Thing = typeof thing`],
  ['workflows', `import { evaluate } from '../src/language/expressions/evaluate.ts'\nvoid evaluate`],
  [
    'src/core',
    `import { sha256 } from '@noble/hashes/sha2.js'\nimport canonicalize from 'canonicalize'\nvoid sha256\nvoid canonicalize`,
  ],
])('%s may contain: %s', async (folder, code) => {
  const file = `${folder}/particular.ts`
  await write(file, `${code}\nexport {}\n`)
  expect(await refusedFiles('eslint(no-restricted-imports)')).not.toContain(file)
  await rm(join(tree, file))
})

test('a cycle of imports is refused', async () => {
  await write('src/core/one.ts', `import { two } from './two.ts'\nexport const one = () => two\n`)
  await write('src/core/two.ts', `import { one } from './one.ts'\nexport const two = () => one\n`)
  expect(await refusedFiles('import(no-cycle)')).toEqual(['src/core/one.ts', 'src/core/two.ts'])
})

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(tree, file)), { recursive: true })
  await writeFile(join(tree, file), text)
}

async function refusedFiles(rule: string): Promise<string[]> {
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  // It exits with 1 when it finds something, which execFile throws, with the output in it.
  const { stdout } = await run(oxlint, ['--format', 'json'], { cwd: tree }).catch((error: { stdout: string }) => error)
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }
  const files = diagnostics.filter(({ code }) => code === rule).map(({ filename }) => filename)
  return [...new Set(files)].toSorted()
}
