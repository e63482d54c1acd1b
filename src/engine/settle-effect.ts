import type { Effect } from '../core/effect.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { settleUnknown } from '../effects/settle-unknown.ts'
import { readGates } from '../gate/gates.ts'
import { readIncident } from '../history/incidents.ts'
import type { Engine } from './engine.ts'
import type { SettleRequest } from './requests.ts'

/** Settles an unknown effect of the named gate; by default, of the incident's latest gate. Throws like `settleUnknown`. */
export async function settleEffect(
  { database }: Engine,
  person: Person,
  incident: string,
  request: SettleRequest,
): Promise<Effect> {
  await readIncident(database, incident)
  const gates = await readGates(database, incident)
  const { gate: named } = request
  const gate = named === undefined ? gates.at(-1) : gates.find((one) => one.id === named)
  if (!gate)
    throw new RunbookError('RUNBOOK_NOT_FOUND', `${incident} has no gate${named === undefined ? '' : ` ${named}`}`)
  return settleUnknown(database, person, { ...request, gate: gate.id })
}
