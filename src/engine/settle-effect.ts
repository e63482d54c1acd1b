import type { Effect } from '../core/effect.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { settleUnknown, type SettleRequest } from '../effects/settle-unknown.ts'
import { readGates } from '../gate/gates.ts'
import { readIncident } from '../history/incidents.ts'
import type { Engine } from './engine.ts'

/** Settles an effect of the incident: of the gate that is named, else of its last one. Throws as `settleUnknown` does. */
export async function settleEffect(
  { database }: Engine,
  person: Person,
  incident: string,
  { gate, ...rest }: Omit<SettleRequest, 'gate'> & { gate?: string | undefined },
): Promise<Effect> {
  await readIncident(database, incident)
  const gates = await readGates(database, incident)
  const meant = gate === undefined ? gates.at(-1) : gates.find((one) => one.id === gate)
  if (!meant)
    throw new RunbookError('RUNBOOK_NOT_FOUND', `${incident} has ${gate === undefined ? 'no gate' : `no gate ${gate}`}`)
  return settleUnknown(database, person, { gate: meant.id, ...rest })
}
