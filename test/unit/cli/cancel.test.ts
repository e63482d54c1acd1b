import pc from 'picocolors'
import { expect, test } from 'vitest'
import type { IncidentState } from '../../../src/core/incident.ts'
import { main } from '../../../src/cli/main.ts'
import { showLines } from '../../../src/cli/render/show.ts'
import { fakeApi } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { atItsGate, NOW } from './incident-views.ts'

test.each<[IncidentState, string]>([
  ['deciding', 'nothing is being applied, so it closes as soon as a worker reads the cancellation'],
  ['applying', 'it closes after the target that the remedy is being applied to'],
  ['diagnosing', 'it closes when the running checks have ended'],
])('cancel says when an incident that is %s closes', async (state, when) => {
  const view = atItsGate({ state, cancelling: true })
  const { url } = await fakeApi({ [`POST /v1/incidents/${view.id}/cancel`]: () => view })
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' } })
  expect(await main(['cancel', view.id], terminal)).toBe(0)
  expect(terminal.err).toContain(`${view.id} is being cancelled: ${when}`)
  const page = { width: 200, colours: pc.createColors(false), now: NOW, interactive: true }
  expect(showLines(view, page)).toContain(`The incident is being cancelled: ${when}`)
})
