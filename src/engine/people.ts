import type { Config } from '../config/config.ts'
import type { People } from '../core/person.ts'
import type { Deciders } from '../gate/deciders.ts'

/** The people of the configuration, by name. */
export function peopleOf(config: Pick<Config, 'people'>): People {
  return Object.fromEntries(Object.entries(config.people).map(([name, person]) => [name, { name, ...person }]))
}

/** Who may decide, and how. */
export function decidersOf({ people, config }: { people: People; config: Config }): Deciders {
  return { people, breakGlass: config.breakGlass, oidc: config.oidc !== undefined }
}
