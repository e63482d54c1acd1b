import { isRunbookError } from '../../core/errors.ts'
import type { Finding } from '../../core/incident.ts'
import type { Ending, Plan, PlanCause } from '../../core/plan.ts'
import type { Queryable } from '../../history/database.ts'
import { readPlan } from '../../history/plans.ts'
import type { IncidentView } from './view-types.ts'

/** What a round or a preview found, which determines the path through the runbook. */
export interface GraphPath {
  checks: readonly { name: string; status: 'ok' | 'failed' | 'timeout' }[]
  causes: readonly Pick<Finding, 'cause' | 'holds'>[]
  /** The cause that is treated; null if no cause is treated. */
  cause: string | null
}

export interface GraphNode {
  id: string
  text: string
  /** The second line in the node: the kind of a check, or what a cause or remedy came to. */
  state: string
  taken: boolean
}

/** A runbook as a graph with three columns: checks, causes, and what is done about each cause. */
export interface Graph {
  columns: { title: string; nodes: GraphNode[] }[]
  edges: { from: string; to: string; taken: boolean }[]
}

const HOLDS = { true: 'holds', false: 'ruled out', undetermined: 'undetermined' } as const
const OTHERWISE = 'cause/'

/** The path that was taken. Without it, the graph shows only the runbook. */
export function graphOf(plan: Plan, path?: GraphPath): Graph {
  const status = new Map(path?.checks.map((one) => [one.name, one.status]))
  const found = new Map(path?.causes.map((one) => [one.cause, one.holds]))
  const treated = path?.cause ?? null
  const isOtherwise = path !== undefined && treated === null && path.causes.length > 0
  const taken = new Set(plan.causes.filter(({ name }) => name === treated).flatMap(readsOf))
  const ends = new Map<string, GraphNode>()
  const endOf = (then: PlanCause['then'], isTaken: boolean) => {
    const end = endingNode(plan, then)
    ends.set(end.id, { ...end, taken: isTaken || ends.get(end.id)?.taken === true })
    return end.id
  }
  const checks = plan.checks.map(({ name, kind }) => {
    const result = status.get(name)
    const state = result === undefined ? kind : `${kind}: ${result === 'ok' ? 'read' : result}`
    return { id: `check/${name}`, text: name, state, taken: taken.has(name) }
  })
  const causes = plan.causes.map(({ name }) => {
    const holds = found.get(name)
    return {
      id: `cause/${name}`,
      text: name,
      state: holds === undefined ? '' : HOLDS[`${holds}`],
      taken: name === treated,
    }
  })
  const edges = [
    ...plan.checks.flatMap(({ name, needs }) =>
      needs.map((need) => ({ from: `check/${need}`, to: `check/${name}`, taken: taken.has(name) && taken.has(need) })),
    ),
    ...plan.causes.flatMap((cause) => {
      const [id, isTaken] = [`cause/${cause.name}`, cause.name === treated]
      const reads = readsOf(cause).map((check) => ({ from: `check/${check}`, to: id, taken: isTaken }))
      return [...reads, { from: id, to: endOf(cause.then, isTaken), taken: isTaken }]
    }),
    { from: OTHERWISE, to: endOf(plan.otherwise, isOtherwise), taken: isOtherwise },
  ]
  const otherwise = { id: OTHERWISE, text: 'no cause holds', state: '', taken: isOtherwise }
  return {
    columns: [
      { title: 'Checks', nodes: checks },
      { title: 'Causes', nodes: [...causes, otherwise] },
      { title: 'Then', nodes: [...ends.values()] },
    ],
    edges,
  }
}

/** The checks that the conditions of a cause read. */
/** The checks that decide whether a cause holds and what it affects. */
export function readsOf({ when, affects }: PlanCause): string[] {
  return [...new Set([...(when?.checks ?? []), ...(affects?.checks ?? [])])]
}

function endingNode({ remedies }: Plan, then: Ending | { remedy: string }): Omit<GraphNode, 'taken'> {
  if ('remedy' in then) {
    const { title, risk } = remedies[then.remedy] ?? { title: then.remedy, risk: 'unknown' }
    return { id: `remedy/${then.remedy}`, text: title, state: `remedy, risk ${risk}` }
  }
  if (then.end === 'handoff') return { id: `handoff/${then.incident}`, text: then.incident, state: 'handed off' }
  return then.end === 'escalate'
    ? { id: 'escalate', text: 'escalate', state: 'to people' }
    : { id: 'no-action', text: 'no action', state: '' }
}

/** The graph of an incident with the path of its last round; null if its plan can no longer be read. */
export async function incidentGraph(
  db: Queryable,
  { planDigest, rounds }: Pick<IncidentView, 'planDigest' | 'rounds'>,
): Promise<Graph | null> {
  const round = rounds.at(-1)
  try {
    return graphOf(await readPlan(db, planDigest), {
      checks: round?.checks ?? [],
      causes: round?.causes ?? [],
      cause: round?.gate?.proposal.cause ?? round?.causes.find(({ holds }) => holds === true)?.cause ?? null,
    })
  } catch (error) {
    // "runbook audit verify" reports a plan that somebody changed; the incident is shown without its graph.
    if (isRunbookError(error)) return null
    throw error
  }
}
