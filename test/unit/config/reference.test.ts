import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { configuration, configurationReference, configurationSchema } from '../../../src/config/reference.ts'

const root = new URL('../../../', import.meta.url)
const valid = new Ajv({ strict: true }).compile(configurationSchema())
const ours = () => parse(readFileSync(new URL('runbook.config.yaml', root), 'utf8')) as Record<string, object>

test('every section and field has a description, and each kind of connection is a section', () => {
  for (const { name, doc, fields } of configuration()) {
    expect(doc, name).toMatch(/\S/)
    for (const field of fields) expect(field.doc, `${name}: ${field.name}`).toMatch(/\.$/)
  }
  const kinds = ['postgres', 'bullmq', 'redis', 'http', 'process', 'logs'].map((kind) => `connections: ${kind}`)
  kinds.splice(2, 0, 'sentinel', 'maxConnections (bullmq, redis)')
  kinds.splice(1, 0, 'maxConnections (postgres)')
  const names = [
    'configuration',
    'temporal',
    ...kinds,
    'checks',
    'people',
    'signing',
    'channels',
    'channels.webhook',
    'channels.email',
    'channels.pagerduty',
    'groups',
    'alerts',
    'hooks',
    'hooks.alertmanager',
    'hooks.alertmanager.basic',
    'hooks.grafana',
    'hooks.grafana.basic',
    'hooks.grafana.hmac',
    'hooks.generic',
    'hooks.generic.basic',
    'auto',
    'policy',
    'policy.match',
    'limits',
    'pages',
    'oidc',
  ]
  expect(configuration().map(({ name }) => name)).toEqual(names)
  for (const line of configurationReference().split('\n'))
    if (line.startsWith('| `')) expect(line.match(/(?<!\\)\|/g), line).toHaveLength(3)
})

test('the schema accepts our own configuration, and refuses misspelt and missing fields', () => {
  expect(valid(ours()), JSON.stringify(valid.errors)).toBe(true)
  expect(valid({ ...ours(), peple: {} })).toBe(false)
  expect(valid({ ...ours(), connections: { db: { kind: 'postgres' } } })).toBe(false)
  expect(valid({ ...ours(), connections: { db: { kind: 'mysql', read: '${DB}' } } })).toBe(false)
})
