import { setTimeout as sleep } from 'node:timers/promises'
import { resolvesAlert } from '../../channels/pagerduty.ts'
import { retryAfterMs, sendMessage } from '../../channels/send.ts'
import { NO_CHANNEL, whyNoAddress } from '../../config/channels.ts'
import { isRunbookError, messageOf } from '../../core/errors.ts'
import { formatPlace } from '../../core/place.ts'
import { storableText } from '../../effects/storable-value.ts'
import type { Database } from '../../history/database.ts'
import { readIncident } from '../../history/incidents.ts'
import {
  claimDeliveries,
  endDelivery,
  postponeDelivery,
  routeEvents,
  type Delivery,
  type DeliveryEnd,
} from '../../history/outbox.ts'
import type { Engine } from '../engine.ts'
import { composeMessage, type Composed } from './compose.ts'
import { deliverToSlack } from './deliver-to-slack.ts'
import { recipientsOf } from './recipients.ts'

/** For this long, the engine tries again to send a message to a channel that does not accept it. */
const DELIVER_WITHIN_MS = 6 * 3_600_000
/** How many events are read in one batch. */
const ROUTED_AT_ONCE = 100
/**
 * How many messages are sent at the same time. If the worker dies, at most this many messages are sent again. Each of them has a connection
 * of the pool for itself, so that the answer of its channel is stored without waiting.
 */
const SENT_AT_ONCE = 8
/** For this long after a channel accepted a message, the engine tries to store that. Afterwards the message is sent again. */
const STORE_WITHIN_MS = 10_000
const STORE_PAUSE_MS = 250

type Delivering = Pick<Engine, 'database' | 'config'>

/**
 * Finds the channels for new events, and tries once to send every message that is due. The messages of the first events are sent before later
 * events are read: in a storm of incidents, the first message must not wait until the channels of all of them are found.
 */
export async function deliverMessages(engine: Delivering): Promise<void> {
  const { database, config } = engine
  const route = () => routeEvents(database, ROUTED_AT_ONCE, (db, event) => recipientsOf(config, db, event))
  // A channel that does not answer delays the other channels by one attempt only, because the rest of its messages wait for the next run.
  const failing = new Set<string>()
  for (let read = ROUTED_AT_ONCE; read === ROUTED_AT_ONCE;) {
    read = await route()
    await sendDue(engine, failing)
  }
}

/** Tries once to send every message that is due, except to channels in `failing`, to which it adds those that do not accept one. */
async function sendDue(engine: Delivering, failing: Set<string>): Promise<void> {
  for (;;) {
    const due = await claimDeliveries(engine.database, SENT_AT_ONCE, [...failing])
    if (due.length === 0) return
    await Promise.all(
      due.map(async (delivery) => {
        if ((await attempt(engine, delivery)) === 'postponed') failing.add(delivery.channel)
      }),
    )
  }
}

async function attempt(engine: Delivering, delivery: Delivery): Promise<'ended' | 'postponed'> {
  const { database } = engine
  let end: DeliveryEnd
  try {
    end = await send(engine, delivery)
  } catch (error) {
    // The error may quote the answer of the channel, which may hold a secret, or characters that cannot be stored.
    const problem = storableText(messageOf(error))
    if (delivery.sinceMs < DELIVER_WITHIN_MS) {
      await postponeDelivery(database, delivery, problem, retryAfterMs(error))
      return 'postponed'
    }
    end = { result: `not delivered: ${problem}`, problem }
  }
  await storeEnd(database, delivery, end)
  return 'ended'
}

/** Stores the end of a delivery. Tries again while the database does not answer, because the message would otherwise be sent twice. */
async function storeEnd(database: Database, delivery: Delivery, end: DeliveryEnd): Promise<void> {
  const until = performance.now() + STORE_WITHIN_MS
  for (;;)
    try {
      return await endDelivery(database, delivery, end)
    } catch (error) {
      if (!isRunbookError(error, 'RUNBOOK_UNREACHABLE') || performance.now() > until) throw error
      await sleep(STORE_PAUSE_MS)
    }
}

async function send(engine: Delivering, delivery: Delivery): Promise<DeliveryEnd> {
  const { channels } = engine.config
  const { channel: name } = delivery
  const channel = Object.hasOwn(channels, name) ? channels[name] : undefined
  if (!channel) return notDelivered(NO_CHANNEL)
  const problem = whyNoAddress(channel)
  if (problem !== undefined) return notDelivered(problem)
  if (channel.kind === 'slackApp') return deliverToSlack(engine, delivery, channel)
  const isPager = channel.kind === 'pagerduty'
  const composed = isPager ? await pageFor(engine, delivery) : await composeMessage(engine, delivery)
  if ('obsolete' in composed) return { result: `not sent: ${composed.obsolete}` }
  await sendMessage(name, channel, composed.message)
  if (isPager && composed.message.outcome === undefined) await resolveIfOver(engine, delivery)
  return { result: `notified ${name}` }
}

function notDelivered(problem: string): DeliveryEnd {
  return { result: `not delivered: ${problem}`, problem }
}

/** Such a message would open the alert again if it came after the message about the incident's end. */
async function pageFor(engine: Delivering, delivery: Delivery): Promise<Composed> {
  const { outcome } = await readIncident(engine.database, delivery.incident)
  if (outcome !== null && resolvesAlert(outcome) && delivery.place !== formatPlace({ kind: 'closed' }))
    return { obsolete: `the incident is ${outcome} by now` }
  return composeMessage(engine, delivery)
}

/** The incident may have ended while its alert was being opened, and another process may have resolved the alert before it was open. */
async function resolveIfOver(engine: Delivering, { incident, channel: name }: Delivery): Promise<void> {
  const { outcome } = await readIncident(engine.database, incident)
  if (outcome === null || !resolvesAlert(outcome)) return
  const end = await composeMessage(engine, { incident, place: formatPlace({ kind: 'closed' }) })
  if ('message' in end) await sendMessage(name, engine.config.channels[name]!, end.message)
}
