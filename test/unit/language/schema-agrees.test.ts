import { readFileSync, readdirSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { compileRunbook } from '../../../src/language/compile.ts'
import { runbookSchema, scenariosSchema } from '../../../src/language/schema.ts'
import { compileScenarios } from '../../../src/language/scenarios/compile-scenarios.ts'
import { channels, connections } from '../../fixtures/runbooks/connections.ts'

const root = new URL('../../../', import.meta.url)
const filesIn = (folder: string, ending = '.yaml') =>
  readdirSync(new URL(folder, root))
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file}`)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')

const ajv = new Ajv({ strict: true, allowUnionTypes: true })
const validRunbook = ajv.compile(runbookSchema())
const validScenarios = ajv.compile(scenariosSchema())

/** The rules that the schema can check: which fields exist, which are required, and the form of their values. */
const STRUCTURAL = [
  'unknown-field',
  'missing-field',
  'wrong-form',
  'bad-duration',
  'bad-name',
  'unknown-check',
  'unknown-action',
  'write-in-diagnose',
  'unknown-parameter',
  'missing-parameter',
  'unknown-type',
]
/** The schema finds some of these problems: it sees the wrong type of a literal but not of an expression, and not every template in a place that allows none. */
const EITHER = ['type-mismatch', 'no-expression-here']
/** Broken runbooks that only the compiler refuses: one rule is about references within the runbook, the other about fields that exclude each other. */
const ONLY_THE_COMPILER = ['missing-field--phase.yaml', 'unknown-action.yaml']

const minimal = compileRunbook(read('test/fixtures/runbooks/valid/minimal.yaml'), { file: 'minimal.yaml' }).plan!

describe('the schema accepts what the compiler accepts', () => {
  const own = filesIn('runbooks').filter((file) => !file.endsWith('.test.yaml'))
  test.each([...own, ...filesIn('test/fixtures/runbooks/valid')])('%s', (file) => {
    validRunbook(parse(read(file), { logLevel: 'silent' }))
    expect(validRunbook.errors ?? []).toEqual([])
  })
  test.each([...filesIn('runbooks', '.test.yaml'), 'test/fixtures/scenarios/valid.yaml'])('%s', (file) => {
    validScenarios(parse(read(file)))
    expect(validScenarios.errors ?? []).toEqual([])
  })
})

describe('the schema refuses a broken file where its structure is wrong, and only then', () => {
  test.each(filesIn('test/fixtures/runbooks/broken').filter(isYaml))('%s', (file) => {
    const { problems } = compileRunbook(read(file), { file, connections, channels })
    const structural = problems.some(({ rule }) => STRUCTURAL.includes(rule))
    const accepted = validRunbook(parse(read(file), { logLevel: 'silent' }))
    if (problems.every(({ rule }) => EITHER.includes(rule))) return
    expect(accepted, JSON.stringify(problems)).toBe(!structural)
  })
  test.each(filesIn('test/fixtures/scenarios/broken').filter(isYaml))('%s', (file) => {
    const { problems } = compileScenarios(read(file), file, minimal)
    const structural = problems.some(({ rule }) => STRUCTURAL.includes(rule))
    const accepted = validScenarios(parse(read(file), { logLevel: 'silent' }))
    if (ONLY_THE_COMPILER.some((name) => file.endsWith(`/${name}`))) expect(accepted).toBe(true)
    else expect(accepted, JSON.stringify(problems)).toBe(!structural)
  })
})

/** Invalid YAML, or YAML with unsupported features, is refused before the structure is checked. */
function isYaml(file: string): boolean {
  return !/\/(yaml-|duplicate-key|forbidden-key|empty|bad-number)/.test(file)
}
