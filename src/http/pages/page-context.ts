import { includesRole } from '../../core/access.ts'
import type { Engine } from '../../engine/engine.ts'
import type { SignedIn } from '../app.ts'

/** What every page shows: the environment, and who is signed in. */
export interface PageContext {
  environment: string
  colour: string
  /** Absent where nobody is signed in. */
  session?: SignedIn | undefined
  now: number
  /** The address of a workflow in Temporal's UI; absent if the configuration does not name the UI. */
  workflowUrl?: (workflowId: string) => string
}

export function pageContext(
  { config, temporal }: Pick<Engine, 'config' | 'temporal'>,
  session?: SignedIn,
): PageContext {
  const { environment = 'this installation', pages } = config
  const common = { environment, colour: pages.colour, session, now: Date.now() }
  if (pages.temporalUi === undefined) return common
  const namespace = `${pages.temporalUi.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(temporal.namespace)}`
  return { ...common, workflowUrl: (id) => `${namespace}/workflows/${encodeURIComponent(id)}` }
}

/** Whether the person may change what the page shows, and not only read it. */
export function mayAct({ session }: PageContext): boolean {
  return includesRole(session?.role, 'operator')
}
