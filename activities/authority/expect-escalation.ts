import type { Escalation } from '../../src/interpreter/host.ts'
import type { Authority } from './caller.ts'
import { refuse } from './refuse.ts'

/** Refuses to notify groups or channels that the plan does not name. */
export function expectEscalation({ incident, plan }: Authority, { to }: Escalation): void {
  const approvers = Object.values(plan.remedies).flatMap(({ approval }) => (approval.auto ? [] : approval.by))
  const known = new Set([...plan.escalate.to, ...approvers])
  const unknown = to.find((name) => !known.has(name))
  if (unknown !== undefined) refuse(incident, `the plan does not notify ${unknown}`)
}
