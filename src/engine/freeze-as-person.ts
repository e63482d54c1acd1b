import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { FREEZE, readControls } from '../gate/controls.ts'
import type { Engine } from './engine.ts'
import { turnFreeze, type Frozen } from './freeze.ts'

type FreezeEngine = Pick<Engine, 'config' | 'database'>

/** Turns the freeze on in the name of a person who is signed in. Throws what `turnFreeze` throws, and `RUNBOOK_CONFLICT` if it was on. */
export async function freezeAs({ config }: FreezeEngine, person: Person, reason: string): Promise<Frozen> {
  const frozen = await turnFreeze(config.database.reveal(), { on: true, person: person.name, reason })
  if (frozen.turned) return frozen
  const { freeze } = frozen
  throw new RunbookError(
    'RUNBOOK_CONFLICT',
    freeze
      ? `remedies were already frozen by ${freeze.person} at ${freeze.at}: ${freeze.reason}`
      : 'remedies were already frozen, and the freeze was turned off meanwhile: none is on now',
  )
}

/**
 * Turns off the freeze that the person has seen, which `at` names. A freeze that somebody turned on later, for another reason, stays on.
 * Throws what `turnFreeze` throws, and `RUNBOOK_CONFLICT`.
 */
export async function unfreezeAs(
  { config, database }: FreezeEngine,
  person: Person,
  { at, reason }: { at: string; reason: string },
): Promise<void> {
  const freeze = (await readControls(database)).find(({ name }) => name === FREEZE)
  if (freeze && freeze.at !== at)
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `the freeze stays on: it is not the one that you saw. ${freeze.person} turned it on at ${freeze.at}: ${freeze.reason}`,
    )
  const turned =
    freeze && (await turnFreeze(config.database.reveal(), { on: false, person: person.name, reason })).turned
  if (!turned) throw new RunbookError('RUNBOOK_CONFLICT', 'no freeze was on any more; nothing was changed')
}
