import type { Engine } from '../../engine/engine.ts'
import type { Session } from '../../engine/sessions.ts'

/** What every page shows: the environment, and who is signed in. */
export interface PageContext {
  environment: string
  colour: string
  /** Absent where nobody is signed in. */
  session?: Session | undefined
  now: number
}

export function pageContext({ config }: Pick<Engine, 'config'>, session?: Session): PageContext {
  const { environment = 'this installation', pages } = config
  return { environment, colour: pages.colour, session, now: Date.now() }
}
