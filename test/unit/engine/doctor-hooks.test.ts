import { expect, test } from 'vitest'
import { Secret } from '../../../src/config/secret.ts'
import { checkHooks } from '../../../src/engine/setup/doctor-hooks.ts'

const known = new Secret('${HOOK}', 'hook', 'a-long-token-of-the-hook', [])
const missing = new Secret('${HOOK}', 'hook', '', ['HOOK'])
const byIncident = new Map([['stuck-run', {} as never]])
const rule = (incident: string) => ({ match: { alertname: 'x' }, incident, inputs: {} })

test('a source with its secret and a rule with its runbook are right', () => {
  const config = { hooks: { alertmanager: { by: 'bearer' as const, token: known } }, alerts: [rule('stuck-run')] }
  expect(checkHooks(config, { byIncident })).toEqual([
    { name: 'alerts from alertmanager', ok: true, detail: 'accepted at /v1/hooks/alertmanager' },
  ])
})

test('a source without its secret, and a rule for an unknown type, are errors that say what to do', () => {
  const config = {
    hooks: { generic: { by: 'standardWebhooks' as const, secret: missing } },
    alerts: [rule('stuck-run'), rule('stuck-runs'), rule('other')],
  }
  expect(checkHooks(config, { byIncident })).toEqual([
    {
      name: 'alerts from generic',
      ok: false,
      detail: 'HOOK is not set: every delivery fails',
      fix: 'set HOOK in the environment or in .runbook/env',
    },
    expect.objectContaining({ name: 'alerts[1]', ok: false, fix: 'did you mean stuck-run?' }),
    expect.objectContaining({ name: 'alerts[2]', ok: false, fix: 'name the incident type of a runbook' }),
  ])
})
