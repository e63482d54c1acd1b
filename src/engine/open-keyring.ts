import type { Config } from '../config/config.ts'
import { openKeyring, type Keyring } from '../gate/keyring.ts'
import { peopleOf } from './people.ts'

/** Opens the configured keys: the current and previous keys of the engine, and the keys of people. Throws `RUNBOOK_CONFIG`. */
export function openEngineKeyring({ signing, people }: Pick<Config, 'signing' | 'people'>): Keyring {
  return openKeyring({ key: signing.key.reveal(), previous: signing.previous }, peopleOf({ people }))
}
