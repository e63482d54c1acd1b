import type { Config } from '../config/config.ts'
import { openKeyring, type Keyring } from '../gate/keyring.ts'
import { peopleOf } from './people.ts'

/** The configured keys: the engine's current and previous ones, and people's own. Throws `RUNBOOK_CONFIG`. */
export function openEngineKeyring({ signing, people }: Pick<Config, 'signing' | 'people'>): Keyring {
  return openKeyring({ key: signing.key.reveal(), previous: signing.previous }, peopleOf({ people }))
}
