import { notificationText, retryAfterMs } from '../../activities/escalate.ts'
import { messageOf } from '../core/errors.ts'
import { parseEvent } from '../core/parse-event.ts'
import { parsePlace } from '../core/place.ts'
import { claimDeliveries, endDelivery, postponeDelivery, type Delivery } from '../history/deliveries.ts'
import { notifyChannel } from '../targets/notify-channel.ts'
import type { Engine } from './engine.ts'

/** For how long a message is sent again to a channel that does not accept it. */
const DELIVER_WITHIN_MS = 3_600_000
const BATCH = 20

type Delivering = Pick<Engine, 'database' | 'config'>

/** Sends the messages again that are due. One channel that does not answer delays the others by one attempt at most. */
export async function deliverAgain(engine: Delivering): Promise<void> {
  const due = await claimDeliveries(engine.database, BATCH)
  await Promise.all(due.map((delivery) => attempt(engine, delivery)))
}

async function attempt(engine: Delivering, delivery: Delivery): Promise<void> {
  const { database, config } = engine
  const { incident, channel } = delivery
  const message = await messageTo(engine, delivery)
  if ('obsolete' in message) return endDelivery(database, delivery, `not delivered: ${message.obsolete}`)
  let result: string
  try {
    result =
      (await notifyChannel(config.channels, channel, notificationText(incident, message))) ??
      'not delivered: no channel is configured'
  } catch (error) {
    if (delivery.sinceMs < DELIVER_WITHIN_MS) return postponeDelivery(database, delivery, retryAfterMs(error))
    result = `not delivered: ${messageOf(error)}`
  }
  await endDelivery(database, delivery, result)
}

/** The message of the event, or why it no longer makes sense to send it. */
async function messageTo(
  { database }: Delivering,
  { incident, place }: Delivery,
): Promise<{ message: string; reason: string } | { obsolete: string }> {
  const found = await database.query<{ body: string; open: boolean }>(
    `SELECT body, EXISTS (SELECT FROM runbook.gates g WHERE g.incident = e.incident AND g.state = 'open') AS open
     FROM runbook.events e WHERE incident = $1 AND place = $2`,
    [incident, place],
  )
  const [row] = found.rows
  const event = row && parseEvent(row.body)
  if (!event || !('message' in event.data) || !('reason' in event.data))
    return { obsolete: 'the event with the message cannot be read' }
  if (parsePlace(place)?.kind === 'reminder' && !row.open) return { obsolete: 'no gate waits for a decision any more' }
  return { message: String(event.data.message), reason: String(event.data.reason) }
}
