import type { Config } from '../config/config.ts'
import type { People } from '../core/person.ts'
import type { Deciders } from '../gate/deciders.ts'

/** The configured people, by name. */
export function peopleOf(config: Pick<Config, 'people'>): People {
  return Object.fromEntries(Object.entries(config.people).map(([name, person]) => [name, { name, ...person }]))
}

/** The people who may decide, and the configured rules for them. */
export function decidersOf({ people, config }: { people: People; config: Config }): Deciders {
  return {
    people,
    breakGlass: config.breakGlass,
    oidc: config.oidc !== undefined,
    policy: config.policy,
    decisionsPerIncident: config.limits.perIncident,
  }
}
