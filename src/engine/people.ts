import type { Config } from '../config/config.ts'
import type { People } from '../core/person.ts'

/** The people of the configuration, by name. */
export function peopleOf(config: Pick<Config, 'people'>): People {
  return Object.fromEntries(Object.entries(config.people).map(([name, person]) => [name, { name, ...person }]))
}
