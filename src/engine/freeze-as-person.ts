import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { FREEZE, readControls } from '../gate/controls.ts'
import type { Engine } from './engine.ts'
import { turnFreeze, type Frozen } from './freeze.ts'

type FreezeEngine = Pick<Engine, 'config' | 'database'>

/**
 * Turns the freeze on in the name of a person who is signed in. Throws what `turnFreeze` throws, and `RUNBOOK_CONFLICT` if the freeze was
 * already on.
 */
export async function freezeAs({ config }: FreezeEngine, person: Person, reason: string): Promise<Frozen> {
  const frozen = await turnFreeze(config.database.reveal(), { on: true, person: person.name, reason })
  if (frozen.turned) return frozen
  const { freeze } = frozen
  throw new RunbookError(
    'RUNBOOK_CONFLICT',
    freeze
      ? `remedies were already frozen by ${freeze.person} at ${freeze.at}: ${freeze.reason}`
      : 'another freeze was on and was turned off in the meantime: no freeze is on now. Turn it on again if you still want it',
  )
}

/**
 * Turns off the freeze that the person has seen, which `at` identifies. If somebody else turned on another freeze later, it stays on.
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
      `the freeze stays on: it is not the freeze that you saw. ${freeze.person} turned it on at ${freeze.at}: ${freeze.reason}`,
    )
  const turned =
    freeze && (await turnFreeze(config.database.reveal(), { on: false, person: person.name, reason })).turned
  if (!turned) throw new RunbookError('RUNBOOK_CONFLICT', 'no freeze was on any more; nothing was changed')
}
