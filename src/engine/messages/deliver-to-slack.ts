import { editInSlack, postToSlack } from '../../channels/slack-app.ts'
import type { SlackAppChannel } from '../../config/channels.ts'
import { gateId } from '../../core/incident.ts'
import { parsePlace } from '../../core/place.ts'
import { readEditable, storeRef, type Delivery, type DeliveryEnd } from '../../history/outbox.ts'
import type { Engine } from '../engine.ts'
import { readCard } from './card.ts'
import { composeMessage } from './compose.ts'

type Delivering = Pick<Engine, 'database' | 'config'>

/**
 * Updates the messages about the incident's gates with what is known now. Then posts the message about the event, unless the updated
 * messages say everything. The channel and timestamp of a posted message about a gate are stored directly after it is posted, so that later
 * runs edit it instead of posting again. Only a crash between the two can post it twice.
 */
export async function deliverToSlack(
  engine: Delivering,
  delivery: Delivery,
  channel: SlackAppChannel,
): Promise<DeliveryEnd> {
  const { database } = engine
  const { incident, place, channel: name, quiet } = delivery
  const posted = await readEditable(database, incident, name)
  for (const card of posted) await edit(engine, name, channel, incident, card)
  if (quiet || posted.some((card) => card.place === place)) return { result: `notified ${name}` }
  const composed = await composeMessage(engine, delivery)
  if ('obsolete' in composed) return { result: `not sent: ${composed.obsolete}` }
  const gate = gateAt(incident, place)
  const card = gate === undefined ? undefined : await readCard(engine, gate)
  if (!card) {
    await postToSlack(name, channel, composed.message, posted.at(-1)?.ref)
    return { result: `notified ${name}` }
  }
  const ref = await postToSlack(name, channel, card)
  await storeRef(database, delivery, ref)
  // Somebody may have decided in the meantime, and the worker that updates messages for that decision did not know this message yet.
  await edit(engine, name, channel, incident, { place, ref }, JSON.stringify(card))
  return { result: `notified ${name}` }
}

async function edit(
  engine: Delivering,
  name: string,
  channel: SlackAppChannel,
  incident: string,
  { place, ref }: { place: string; ref: string },
  shownNow?: string,
): Promise<void> {
  const gate = gateAt(incident, place)
  const card = gate === undefined ? undefined : await readCard(engine, gate)
  if (card && JSON.stringify(card) !== shownNow) await editInSlack(name, channel, ref, card)
}

/** The gate whose proposal is stored at this place. */
function gateAt(incident: string, place: string): string | undefined {
  const parsed = parsePlace(place)
  return parsed?.kind === 'proposal' ? gateId(incident, parsed.round) : undefined
}
