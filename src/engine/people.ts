import type { Config } from '../config/config.ts'
import { defined } from '../core/defined.ts'
import type { People } from '../core/person.ts'
import type { Deciders } from '../gate/deciders.ts'

/** The configured people, by name. */
export function peopleOf(config: Pick<Config, 'people'>): People {
  return Object.fromEntries(Object.entries(config.people).map(([name, person]) => [name, { name, ...person }]))
}

/** The people who may decide, with the rules of the configuration that apply to their decisions. */
export function decidersOf({ people, config }: { people: People; config: Config }): Deciders {
  return {
    people,
    breakGlass: config.breakGlass,
    oidc: config.oidc !== undefined,
    ...defined({ pages: config.url, access: config.access }),
    policy: config.policy,
    decisionsPerIncident: config.limits.perIncident,
  }
}
