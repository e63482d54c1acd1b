import type { Alert, AlertSource } from '../../core/alert.ts'
import { readAlertState } from '../../history/alerts.ts'
import { maintenanceHolds } from '../../history/held-alerts.ts'
import type { Engine } from '../engine.ts'
import { coveringMaintenance, heldText } from '../maintenance/covering.ts'
import { isUnusableRequest, renderRequest } from '../trigger.ts'
import type { AlertExplanations } from '../views/view-types.ts'
import { matchAlert } from './match-alert.ts'
import { parseAlerts, type UnreadableAlert } from './parse-alerts.ts'

type AlertExplanation = AlertExplanations['alerts'][number]

/** Says what each alert of a delivery would do if it were received now. Changes nothing. Throws `RUNBOOK_BAD_INPUT`. */
export async function explainAlerts(engine: Engine, source: AlertSource, body: string): Promise<AlertExplanations> {
  const { alerts, truncated } = parseAlerts(source, body)
  const explained: AlertExplanation[] = []
  for (const alert of alerts) explained.push(await explainAlert(engine, alert))
  return { alerts: explained, truncated }
}

async function explainAlert(engine: Engine, alert: Alert | UnreadableAlert): Promise<AlertExplanation> {
  const nothing = { rule: null, type: null, runbook: null, inputs: null, key: null, incident: null }
  if ('problem' in alert)
    return { ...nothing, fingerprint: alert.fingerprint ?? null, would: `be refused: ${alert.problem}` }
  const { fingerprint } = alert
  const matched = matchAlert(engine.config.alerts, alert)
  if ('unmatched' in matched) return { ...nothing, fingerprint, would: `be listed as unmatched: ${matched.unmatched}` }
  const found = {
    ...nothing,
    fingerprint,
    rule: engine.config.alerts.indexOf(matched.rule),
    type: matched.rule.incident,
  }
  try {
    const { plan, inputs, key, quietMs } = renderRequest(engine, { type: found.type, inputs: matched.inputs })
    const request = { ...found, runbook: plan.name, inputs, key }
    const covering = alert.status === 'firing' ? await coveringMaintenance(engine, plan) : undefined
    if (covering && (await maintenanceHolds(engine.database, alert, { type: found.type, key })))
      return { ...request, would: `be held and open nothing while ${heldText(covering)}` }
    const state = await readAlertState(engine.database, alert, { type: found.type, key, quietMs })
    return { ...request, ...whatWould(alert, state, key) }
  } catch (error) {
    if (!isUnusableRequest(error)) throw error
    return { ...found, would: `be listed as unmatched: ${error.message}` }
  }
}

function whatWould(
  { status, startsAt }: Alert,
  { open, quiet, last }: Awaited<ReturnType<typeof readAlertState>>,
  key: string,
): { would: string; incident: string | null } {
  if (status === 'resolved')
    return last?.incident
      ? { would: `be recorded on ${last.incident} as resolved`, incident: last.incident }
      : { would: 'be recorded as resolved; it was never received as firing', incident: null }
  const isSame = startsAt !== null && last?.startsAt?.getTime() === Date.parse(startsAt)
  if (isSame && last?.status === 'resolved')
    return { would: 'only be counted: the end of this alert was already received', incident: last.incident }
  if (open !== null)
    return { would: `join ${open}, which is open under the key ${JSON.stringify(key)}`, incident: open }
  if (isSame && last?.quietUntil)
    return {
      would: `only be counted on ${last.incident}, which has closed: the same alert still fires, and opens nothing until ${last.quietUntil.toISOString()}`,
      incident: last.incident,
    }
  if (quiet !== null)
    return {
      would: `only be counted on ${quiet.incident}: its key is quiet until ${quiet.until.toISOString()}`,
      incident: quiet.incident,
    }
  return { would: `open an incident with the key ${JSON.stringify(key)}`, incident: null }
}
