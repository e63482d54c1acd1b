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

function load(rules: string) {
  const text = `database: \${DB}
environment: staging
connections:
  orders: { kind: postgres, read: "\${R}", environment: production }
  users: { kind: postgres, read: "\${R}" }
policy: ${rules}
`
  writeFileSync(join(directory, 'runbook.config.yaml'), text)
  return loadConfig({ cwd: directory, env: {} })
}

test('a rule states only what it demands; connections have their own environment, or that of the installation', () => {
  const { policy } = load(
    '[{ name: all }, { name: data, match: { kind: [sql.*], environment: [production] }, count: 2 }]',
  )
  expect(policy).toEqual({
    rules: [
      {
        ...{ name: 'all', match: {}, by: [], count: 1, excludeRequester: false, excludeAuthor: false },
        ...{ strength: 'login', breakGlass: false },
      },
      expect.objectContaining({ match: { kind: ['sql.*'], environment: ['production'] }, count: 2 }),
    ],
    environments: { orders: 'production' },
    environment: 'staging',
  })
})

test.each([
  ['a connection that does not exist', '{ name: a, match: { connection: [order] } }', 'there is no connection "order"'],
  ['an environment that nothing has', '{ name: a, match: { environment: [prod] } }', 'there is no environment "prod"'],
  ['a number below one', '{ name: a, count: 0 }', '>=1'],
  ['a condition without values', '{ name: a, match: { kind: [] } }', '>=1'],
  ['an unknown demand', '{ name: a, approvers: [oncall] }', 'unknown field "approvers"'],
  ['an unknown condition', '{ name: a, match: { connections: [orders] } }', 'unknown field "connections"'],
  ['two rules of one name', '{ name: a }, { name: a }', 'two rules have the same name'],
  ['an unknown strength', '{ name: a, strength: strong }', 'is one of login, signed, passkey'],
])('%s is refused', (_, rules, message) => {
  expect(() => load(`[${rules}]`)).toThrow(message)
})

test('people have their own e-mail addresses', () => {
  const people = (second: string) => `[]\npeople: { a: { emails: [A@x.org] }, b: { emails: [${second}] } }`
  expect(() => load(people('a@x.org'))).toThrow('two people have the same e-mail address')
  expect(load(people('b@x.org')).people.b).toMatchObject({ emails: ['b@x.org'] })
})
