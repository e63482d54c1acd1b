import { describe, expect, test } from 'vitest'
import { compileRunbook } from '../../../src/language/compile.ts'
import { kindNamed } from '../../../src/language/kinds/table.ts'
import { ACTIONS, CHECKS } from '../../../src/language/kinds/table.ts'
import { renderText } from '../../../src/language/problems.ts'

const indent = (text: string, by: number) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n')

/** A runbook with the example in it. The runbook's targets have the name that the example uses, and may have any type. */
function runbookWith(example: string, access: string): string {
  const target = /\$\{\{\s*(run|job|step|deploy|item)\b/.exec(example)?.[1] ?? 'item'
  const check = 'check: sql.query\nwith: { connection: db, sql: SELECT 1 AS x, columns: { x: dyn } }'
  const action = access === 'read' ? 'action: notify\nwith: { channel: oncall, message: x }' : example
  return `version: 1
runbook: example
incident: example
title: Example
inputs:
  threshold: { type: duration, default: 1h }
key: example
diagnose:
  things:
${indent(check, 4)}
${access === 'read' ? `  example:\n${indent(example, 4)}` : ''}
causes:
  - cause: example
    title: Example
    affects: things.rows.map(r, r.x)
    because: x
    remedy: example
remedies:
  example:
    title: Example
    for: ${target}
    key: \${{ string(${target}.id) }}
    do:
      -
${indent(action, 8)}
    limits: { maxTargets: 1 }
    approval: { by: [oncall], within: 15m }
    verify:
      checks:
        after:
${indent(check, 10)}
      until: size(after.rows) > 0
      within: 1m
escalate: { to: [oncall], message: x }
`
}

describe('the example of each kind compiles', () => {
  test.each([...CHECKS, ...ACTIONS].map((kind) => [kind.name, kind] as const))('%s', (_, kind) => {
    const { problems } = compileRunbook(runbookWith(kind.example, kind.access), { file: 'example.yaml' })
    expect(renderText(problems)).toBe('')
  })
})

test('the incomplete fields of a truncated result are fields of the result', () => {
  for (const { name: kind, partial = {}, result } of CHECKS) {
    const type = result({})
    const fields = typeof type === 'object' && 'object' in type ? Object.keys(type.object) : []
    expect(fields, kind).toEqual(expect.arrayContaining(Object.keys(partial)))
  }
})

test('checks only read, actions do not, and all names are different', () => {
  expect(CHECKS.every((kind) => kind.access === 'read')).toBe(true)
  expect(ACTIONS.every((kind) => kind.access !== 'read')).toBe(true)
  const names = [...CHECKS, ...ACTIONS].map((kind) => kind.name)
  expect(new Set(names).size).toBe(names.length)
  expect(kindNamed('sql.update')?.access).toBe('write')
  expect(kindNamed('constructor')).toBeUndefined()
})
