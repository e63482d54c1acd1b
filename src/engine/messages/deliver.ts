import { resolvesAlert } from '../../channels/pagerduty.ts'
import { retryAfterMs, sendMessage } from '../../channels/send.ts'
import { NO_CHANNEL, whyNoAddress } from '../../config/channels.ts'
import { messageOf } from '../../core/errors.ts'
import { formatPlace } from '../../core/place.ts'
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
/** The number of events that are read, or of messages that are sent, in one batch. */
const BATCH = 20
const ROUTED_AT_ONCE = 100

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
    const due = await claimDeliveries(engine.database, BATCH, [...failing])
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
  try {
    await endDelivery(database, delivery, await send(engine, delivery))
  } catch (error) {
    const problem = messageOf(error)
    if (delivery.sinceMs < DELIVER_WITHIN_MS) {
      await postponeDelivery(database, delivery, problem, retryAfterMs(error))
      return 'postponed'
    }
    await endDelivery(database, delivery, { result: `not delivered: ${problem}`, problem })
  }
  return 'ended'
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
