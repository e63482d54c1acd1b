import { scrubSecrets } from '../../config/secret.ts'
import type { Alert, AlertSource } from '../../core/alert.ts'
import { defined } from '../../core/defined.ts'
import { acceptAlert } from '../../history/accept-alert.ts'
import { keepEndedFirst, keepUnmatched, resolveAlert } from '../../history/alerts.ts'
import { holdAlert } from '../../history/held-alerts.ts'
import { askForSample } from '../detection/ask-for-sample.ts'
import type { Engine } from '../engine.ts'
import { coveringMaintenance, heldText } from '../maintenance/covering.ts'
import { isUnusableRequest, newIncident, startAccepted } from '../trigger.ts'
import type { DeliveryAnswer } from '../views/view-types.ts'
import { matchAlert } from './match-alert.ts'
import { parseAlerts, type UnreadableAlert } from './parse-alerts.ts'

type AlertAnswer = DeliveryAnswer['alerts'][number]

/** Alerts of one delivery that fire are accepted together; each end of an alert takes a connection to the database. */
const FIRING_AT_ONCE = 50
const OTHERS_AT_ONCE = 4

/**
 * Receives a delivery of a monitoring system: each alert opens an incident, joins one, is counted or ends. Returns when everything is
 * stored. A delivery that is received again changes only counters. Throws `RUNBOOK_BAD_INPUT` for a body in another format, and the
 * database's errors: then the source must deliver again. `delivery`: the id of the delivery, where the source sends one.
 */
export async function receiveAlerts(
  engine: Engine,
  source: AlertSource,
  body: string,
  delivery?: string,
): Promise<DeliveryAnswer> {
  const { alerts, truncated } = parseAlerts(source, body)
  const answers: AlertAnswer[] = []
  const receive = (isWanted: (alert: Alert | UnreadableAlert) => boolean, atOnce: number) => {
    const waiting = [...alerts.entries()].filter(([, alert]) => isWanted(alert)).values()
    const work = async () => {
      for (const [index, alert] of waiting) answers[index] = await receiveAlert(engine, alert, delivery)
    }
    return Array.from({ length: atOnce }, work)
  }
  const others = (alert: Alert | UnreadableAlert) => !isFiring(alert)
  await Promise.all([...receive(isFiring, FIRING_AT_ONCE), ...receive(others, OTHERS_AT_ONCE)])
  return { alerts: answers, ...(truncated > 0 ? { truncated } : {}) }
}

function isFiring(alert: Alert | UnreadableAlert): boolean {
  return 'status' in alert && alert.status === 'firing'
}

async function receiveAlert(
  engine: Engine,
  alert: Alert | UnreadableAlert,
  delivery: string | undefined,
): Promise<AlertAnswer> {
  if ('problem' in alert) return { ...alert, result: 'refused' }
  const { fingerprint } = alert
  if (alert.status === 'resolved') {
    const ended = await receiveEnd(engine, alert)
    if (ended) return ended
  }
  const matched = matchAlert(engine.config.alerts, alert)
  if ('unmatched' in matched) return unmatched(engine, alert, matched.unmatched)
  if (alert.status === 'resolved') {
    const isFirst = await keepEndedFirst(engine.database, withoutSecrets(alert))
    return (isFirst ? undefined : await receiveEnd(engine, alert)) ?? { fingerprint, result: 'resolved' }
  }
  const requester = `alert:${alert.source}`
  const asked = await newIncident(engine, { type: matched.rule.incident, inputs: matched.inputs, requester }).catch(
    (error: unknown) => {
      if (isUnusableRequest(error)) return error.message
      throw error
    },
  )
  if (typeof asked === 'string') return unmatched(engine, alert, asked)
  const { plan, incident: request, quietMs } = asked
  const covering = await coveringMaintenance(engine, plan)
  const held = covering && heldText(covering)
  if (held !== undefined && (await holdAlert(engine.database, withoutSecrets(alert), request, held)))
    return { fingerprint, result: 'held', problem: held }
  const accepted = await acceptAlert(engine.database, withoutSecrets(alert), { ...request, quietMs }, delivery)
  const { incident, occurrences, workflowId, result } = accepted
  // The answer does not wait for Temporal: the incident is stored, and the reconciler starts what could not be started here.
  if (workflowId !== null && incident !== null) {
    const { planDigest, inputs } = request
    void startAccepted(engine, workflowId, plan, { incident, planDigest, inputs }).catch(() => {})
  }
  return defined({
    fingerprint,
    result,
    incident: incident ?? undefined,
    occurrences: occurrences ?? undefined,
  })
}

/** Receives the end of an alert. Undefined if the alert was never received before. */
async function receiveEnd(engine: Engine, alert: Alert): Promise<AlertAnswer | undefined> {
  const { incident, known, wantsSample } = await resolveAlert(engine.database, withoutSecrets(alert))
  // The answer does not wait for Temporal. resolveAlert has stored that a sample is due, so the reconciler asks for it if this call fails.
  if (incident !== null && wantsSample) void askForSample(engine, incident).catch(() => {})
  if (!known) return undefined
  return defined({ fingerprint: alert.fingerprint, result: 'resolved' as const, incident: incident ?? undefined })
}

async function unmatched(engine: Engine, alert: Alert, problem: string): Promise<AlertAnswer> {
  await keepUnmatched(engine.database, withoutSecrets(alert), scrubSecrets(problem))
  return { fingerprint: alert.fingerprint, result: 'unmatched', problem }
}

/** The parts of an alert that are stored and shown. Inputs are taken from the alert as it was sent. */
function withoutSecrets(alert: Alert): Alert {
  const scrubbed = (texts: Record<string, string>) =>
    Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, scrubSecrets(value)]))
  return {
    ...alert,
    labels: scrubbed(alert.labels),
    annotations: scrubbed(alert.annotations),
    url: alert.url === null ? null : scrubSecrets(alert.url),
  }
}
