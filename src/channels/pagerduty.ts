import type { PagerdutyChannel } from '../config/channels.ts'
import { Secret } from '../config/secret.ts'
import type { Outcome } from '../core/incident.ts'
import type { Message } from '../core/message.ts'
import { cutText } from '../core/storable.ts'
import { postJson } from './post.ts'

const MAX_SUMMARY_LENGTH = 1_024
const MAX_DETAILS_LENGTH = 20_000
/** After these outcomes somebody must still act, so the alert stays open. */
const STAYS_AFTER: readonly Outcome[] = ['failed', 'escalated', 'expired']

/**
 * Sends an event to PagerDuty (Events API v2). All messages about an incident belong to one alert, and the last one
 * resolves it, unless the incident ended without being resolved.
 */
export async function sendToPagerduty(name: string, { key, url }: PagerdutyChannel, message: Message): Promise<void> {
  const { incident, thread, title, lines, link, severity, outcome } = message
  const body = {
    routing_key: key.reveal(),
    event_action: resolvesAlert(outcome) ? 'resolve' : 'trigger',
    dedup_key: thread,
    payload: {
      summary: cutText(title, MAX_SUMMARY_LENGTH),
      source: 'runbook',
      severity,
      custom_details: { text: cutText(lines.join('\n'), MAX_DETAILS_LENGTH) },
    },
    links: link === undefined ? [] : [{ href: link, text: incident ?? 'runbook' }],
  }
  const address = new Secret(url, `channel ${name}`, url, [])
  await postJson(name, address, { path: '/v2/enqueue', body: JSON.stringify(body) })
}

/** Whether nobody needs to act after an incident with this outcome. */
export function resolvesAlert(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && !STAYS_AFTER.includes(outcome)
}
