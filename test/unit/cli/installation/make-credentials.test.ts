import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeCredentials } from '../../../../src/cli/installation/make-credentials.ts'
import { loadConfig } from '../../../../src/config/load-config.ts'

const CONFIG = `
database: \${DB}
runbooks: []
connections: {}
people:
  ana: { token: '\${ANA}', groups: [oncall] }
  ben: { token: '\${BEN}', groups: [oncall] }
  cyd: { token: 'sha256:${'0'.repeat(64)}', groups: [oncall] }
  dan: { groups: [oncall], login: dan }
signing: { key: '\${SIGNS}' }
hooks:
  alertmanager: { bearer: '\${ALERTS}' }
  grafana: { hmac: { secret: '\${CHOSEN_IN_GRAFANA}' } }
channels: { support: { slack: '\${WEBHOOK}' } }
`

function credentials(env: Record<string, string>) {
  const cwd = mkdtempSync(join(tmpdir(), 'credentials-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  writeFileSync(join(cwd, 'runbook.config.yaml'), CONFIG)
  return makeCredentials(loadConfig({ cwd, env }), env)
}

test('each variable that is not set gets a value of its own; what others decide is not made', () => {
  const { env, made } = credentials({})
  expect(Object.keys(env).toSorted()).toEqual(['ALERTS', 'ANA', 'BEN', 'RUNBOOK_TOKEN', 'SIGNS'])
  expect(env.SIGNS).toMatch(/^ed25519:[\w-]{43}$/)
  expect(new Set([env.ANA, env.BEN, env.ALERTS]).size).toBe(3)
  expect(env.RUNBOOK_TOKEN).toBe(env.ANA)
  expect(made).toEqual([
    'the signing key (SIGNS)',
    'a token for ana (ANA)',
    'a token for ben (BEN)',
    'a token for alerts of alertmanager (ALERTS)',
  ])
})

test('what is set is kept; commands use the first token that is known, which a hash is not', () => {
  const hash = `sha256:${'1'.repeat(64)}`
  const set = { ANA: hash, BEN: 'the-token-of-ben', SIGNS: `ed25519:${'A'.repeat(43)}`, ALERTS: 'alerts-of-ours' }
  expect(credentials(set)).toEqual({ env: { RUNBOOK_TOKEN: 'the-token-of-ben' }, made: [] })
  expect(credentials({ ...set, RUNBOOK_TOKEN: 'mine' }).env).toEqual({ RUNBOOK_TOKEN: 'mine' })
  expect(credentials({ ...set, BEN: `sha256:${'2'.repeat(64)}` })).toEqual({ env: {}, made: [] })
})
