import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/config/load-config.ts'
import { NO_POLICY } from '../../../src/core/policy.ts'
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
    'slack',
    'alerts',
    'maintenance',
    'hooks',
    'hooks.alertmanager',
    'hooks.alertmanager.basic',
    'hooks.grafana',
    'hooks.grafana.basic',
    'hooks.grafana.hmac',
    'hooks.generic',
    'hooks.generic.basic',
    'auto',
    'access',
    'policy',
    'policy.match',
    'limits',
    'pages',
    'oidc',
    'oidc.signIn',
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

test('the page begins with a whole example, which loads', () => {
  const [, example] = /```yaml\n([^]*?)```/.exec(configurationReference())!
  expect(configurationReference().indexOf('```yaml')).toBeLessThan(configurationReference().indexOf('## configuration'))
  const folder = mkdtempSync(join(tmpdir(), 'configuration-'))
  mkdirSync(join(folder, 'runbooks'))
  writeFileSync(join(folder, 'runbook.config.yaml'), example!)
  const config = loadConfig({ cwd: folder, env: {} })
  expect(Object.keys(config.connections)).toEqual(['shop-db', 'shop-queue', 'gateway', 'shop-logs'])
  expect(config.policy).not.toEqual(NO_POLICY)
})
