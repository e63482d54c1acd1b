import { ACTIONS, CHECKS } from './all-kinds.ts'
import type { Kind } from './kind.ts'

export { ACTIONS, CHECKS } from './all-kinds.ts'

const BY_NAME = new Map([...CHECKS, ...ACTIONS].map((kind) => [kind.name, kind]))

/** The description of a check or action kind, by its name such as `sql.query`. */
export function kindNamed(name: string): Kind | undefined {
  return BY_NAME.get(name)
}
