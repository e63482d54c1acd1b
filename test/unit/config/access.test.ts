import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function load(access: string, more = '') {
  const text = `database: \${DB}
connections: { orders: { kind: postgres, read: "\${R}" } }
people: { ana: {} }
${access}
${more}`
  writeFileSync(join(directory, 'runbook.config.yaml'), text)
  return loadConfig({ cwd: directory, env: {} }).access
}

test('a grant has a role, names people or groups, and may be limited', () => {
  expect(
    load('access: [{ role: admin, people: [ana] }, { role: viewer, groups: [a], types: [t], connections: [orders] }]'),
  ).toEqual([
    { role: 'admin', people: ['ana'], groups: [] },
    { role: 'viewer', people: [], groups: ['a'], types: ['t'], connections: ['orders'] },
  ])
  expect(load('')).toBeUndefined()
})

const OIDC = 'oidc: { issuer: "https://i.example/", audience: a, jwks: "https://i.example/keys" }\n'

test('people of an identity provider need not be in the file', () => {
  expect(load('access: [{ role: viewer, people: [olga] }]', OIDC)).toMatchObject([{ people: ['olga'] }])
})

test.each([
  ['an empty section', 'access:', 'access'],
  ['an empty list', 'access: []', 'write at least one grant'],
  ['a grant for nobody', 'access: [{ role: viewer }]', 'name at least one of "people" or "groups"'],
  ['a grant without a role', 'access: [{ people: [ana] }]', 'role'],
  ['an unknown role', 'access: [{ role: owner, people: [ana] }]', 'is one of viewer, operator, approver, admin'],
  ['an unknown person', 'access: [{ role: viewer, people: [anna] }]', 'access.0.people.0: there is no person "anna"'],
  [
    'the name of a property of every object',
    'access: [{ role: viewer, people: [constructor] }]',
    'there is no person "constructor"',
  ],
  [
    'an unknown connection',
    'access: [{ role: viewer, people: [ana], connections: [order] }]',
    'access.0.connections.0: there is no connection "order"',
  ],
  ['a limit without values', 'access: [{ role: viewer, people: [ana], types: [] }]', '>=1'],
  ['a misspelled limit', 'access: [{ role: viewer, people: [ana], type: [t] }]', 'unknown field "type"'],
])('%s is refused', (_, text, message) => {
  expect(() => load(text)).toThrow(message)
})
