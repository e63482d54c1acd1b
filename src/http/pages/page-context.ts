import type { Engine } from '../../engine/engine.ts'
import type { Session } from '../../engine/sessions.ts'

/** What every page shows: the environment, and who is signed in. */
export interface PageContext {
  environment: string
  colour: string
  /** Absent where nobody is signed in. */
  session?: Session | undefined
  now: number
  /** The address of a workflow in Temporal's UI; absent if the configuration does not name the UI. */
  workflowUrl?: (workflowId: string) => string
}

export function pageContext({ config, temporal }: Pick<Engine, 'config' | 'temporal'>, session?: Session): PageContext {
  const { environment = 'this installation', pages } = config
  const common = { environment, colour: pages.colour, session, now: Date.now() }
  if (pages.temporalUi === undefined) return common
  const namespace = `${pages.temporalUi.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(temporal.namespace)}`
  return { ...common, workflowUrl: (id) => `${namespace}/workflows/${encodeURIComponent(id)}` }
}
