import { z } from 'zod'
import type { Alert, AlertSource } from '../../core/alert.ts'
import { digest } from '../../core/canonical.ts'
import { RunbookError } from '../../core/errors.ts'
import { isJsonObject, type Json } from '../../core/json.ts'
import { parseOutsideJson } from '../../core/parse-json.ts'
import { isStorable, toStorable, cutText } from '../../core/storable.ts'

/** An alert that cannot be read, and what is wrong with it. `fingerprint` is set if at least the fingerprint can be read. */
export interface UnreadableAlert {
  fingerprint?: string
  problem: string
}

export interface Delivery {
  alerts: (Alert | UnreadableAlert)[]
  /** How many alerts the source left out because the delivery would have been too large. */
  truncated: number
}

/**
 * The maximum number of alerts in one delivery. A delivery is answered only after every alert in it was stored, so larger ones are refused.
 */
const MAX_ALERTS = 2_000
const MAX_LABELS = 100
const MAX_LABEL_LENGTH = 2_000
const MAX_ANNOTATION_LENGTH = 2_000
const MAX_FINGERPRINT_LENGTH = 200

const label = z.string().max(MAX_LABEL_LENGTH).refine(isStorable, 'must not contain NUL or lone surrogates')
/** Annotations are only shown to people, so long ones may be cut. */
const annotation = z.string().transform((text) => cutText(toStorable(text), MAX_ANNOTATION_LENGTH))

const texts = <T extends z.ZodType<string, string>>(value: T) =>
  z
    .record(z.string().max(MAX_LABEL_LENGTH).refine(isStorable, 'must not contain NUL or lone surrogates'), value)
    .refine((record) => Object.keys(record).length <= MAX_LABELS, `more than ${MAX_LABELS} entries`)

/**
 * Parses a time. Milliseconds are enough to distinguish two times of one alert, and PostgreSQL does not accept every UTC offset. Go writes
 * its zero time for an unknown time.
 */
const startsAt = z.iso
  .datetime({ offset: true })
  .nullish()
  .transform((time) =>
    time === null || time === undefined || time.startsWith('0001-') ? null : new Date(time).toISOString(),
  )

/** Keeps only addresses that a person can safely open. Another scheme, such as `javascript:`, is left out. */
const url = z
  .string()
  .max(MAX_ANNOTATION_LENGTH)
  .nullish()
  .transform((text) => (text && isStorable(text) && /^https?:\/\//i.test(text) ? text : null))

const fingerprint = z.string().min(1).max(MAX_FINGERPRINT_LENGTH).refine(isStorable, 'must not contain NUL')

/** The format of Alertmanager's webhook, version 4. Grafana sends the same fields and more. */
const fromAlertmanager = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: texts(label),
  annotations: texts(annotation).nullish(),
  startsAt,
  generatorURL: url,
  fingerprint: fingerprint.optional(),
})

const generic = z.object({
  status: z.enum(['firing', 'resolved']).default('firing'),
  labels: texts(label),
  annotations: texts(annotation).nullish(),
  startsAt,
  url,
  fingerprint: fingerprint.optional(),
})

/**
 * Parses the alerts of one delivery. If one alert cannot be read, the others still are. Throws `RUNBOOK_BAD_INPUT` for a body that is not a
 * delivery of alerts.
 */
export function parseAlerts(source: AlertSource, body: string): Delivery {
  const delivery = objectOf(source, body)
  const list = listOf(source, delivery)
  if (list.length === 0) throw badInput(source, 'it has no alerts')
  const { truncatedAlerts } = delivery
  const known = list.slice(0, MAX_ALERTS).map((item) => parseAlert(source, item))
  const tooMany = list
    .slice(MAX_ALERTS)
    .map(() => ({ problem: `the delivery has more than ${MAX_ALERTS} alerts: send fewer in one delivery` }))
  const truncated = typeof truncatedAlerts === 'number' && truncatedAlerts > 0 ? Math.floor(truncatedAlerts) : 0
  return { alerts: [...known, ...tooMany], truncated }
}

function objectOf(source: AlertSource, body: string): Record<string, Json> {
  const parsed = parseOutsideJson(body)
  if (isJsonObject(parsed)) return parsed
  throw badInput(source, parsed === undefined ? 'it is not JSON' : 'it is not a JSON object')
}

function listOf(source: AlertSource, delivery: Record<string, Json>): Json[] {
  const { alerts } = delivery
  if (source === 'generic' && alerts === undefined) return [delivery]
  if (!Array.isArray(alerts)) throw badInput(source, 'it has no list "alerts"')
  if (source === 'alertmanager' && delivery.version !== '4')
    throw badInput(source, `its version is ${JSON.stringify(delivery.version) ?? 'missing'}, and only "4" is known`)
  return alerts
}

function badInput(source: AlertSource, why: string): RunbookError {
  return new RunbookError(
    'RUNBOOK_BAD_INPUT',
    `the body is not a delivery of alerts in the format of ${source}: ${why}`,
  )
}

function parseAlert(source: AlertSource, item: Json): Alert | UnreadableAlert {
  const read = source === 'generic' ? generic.safeParse(item) : fromAlertmanager.safeParse(item)
  if (!read.success) {
    const known = isJsonObject(item) ? fingerprint.safeParse(item.fingerprint) : undefined
    const problem = read.error.issues.map(({ path, message }) => `${path.join('.') || 'alert'}: ${message}`).join('; ')
    return { problem: cutText(toStorable(problem), 1_000), ...(known?.success ? { fingerprint: known.data } : {}) }
  }
  const { status, labels, annotations, startsAt: since, fingerprint: own } = read.data
  return {
    source,
    fingerprint: own ?? digest(labels).slice(0, 16),
    status,
    labels,
    annotations: annotations ?? {},
    startsAt: since,
    url: 'url' in read.data ? read.data.url : (read.data as z.infer<typeof fromAlertmanager>).generatorURL,
  }
}
