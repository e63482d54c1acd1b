import type { GateResolution } from '../core/decision.ts'
import { formatPlace } from '../core/place.ts'
import type { PlanRemedy } from '../core/plan.ts'
import type { Host } from './host.ts'

interface OpenGate {
  gate: string
  round: number
  /** The state of the gate, if it is known already. */
  gateNow?: GateResolution | undefined
  remedy: PlanRemedy
  /** The groups and channels that an incident of this plan escalates to. */
  escalateTo: string[]
  notifyUnanswered(place: string, reason: string): Promise<void>
}

/**
 * Waits until the gate is decided or has ended in another way. Sends a reminder at half of each time limit, and escalates if nobody
 * answers.
 */
export async function awaitDecision(host: Host, open: OpenGate): Promise<Exclude<GateResolution, { state: 'open' }>> {
  const { gate, round } = open
  let escalated = false
  const reminded = new Set<boolean>()
  let gateNow = open.gateNow ?? (await host.resolveGate(gate))
  for (;;) {
    if (gateNow.state !== 'open') return gateNow
    if (gateNow.escalated && !escalated) {
      escalated = true
      const place = formatPlace({ kind: 'gate-unanswered', round })
      inBackground(open.notifyUnanswered(place, `nobody decided on gate ${gate} in time`))
    }
    const { expiresInMs, remindInMs } = gateNow
    if (remindInMs === 0 && !reminded.has(escalated)) {
      reminded.add(escalated)
      inBackground(remind(host, open, escalated))
    }
    await host.waitForSignal(Math.min(expiresInMs, remindInMs || expiresInMs))
    gateNow = await host.resolveGate(gate)
  }
}

/**
 * Sends a notification without waiting for it, because a channel that does not answer must neither delay a decision nor end a healthy
 * incident. The host continues to try.
 */
function inBackground(notification: Promise<void>): void {
  notification.catch(() => {})
}

/** Reminds the groups that may decide, when half of the time to decide has passed. */
function remind(host: Host, { gate, round, remedy, escalateTo }: OpenGate, escalated: boolean): Promise<void> {
  return host.escalate({
    place: formatPlace({ kind: 'reminder', round, escalated }),
    kind: 'reminder',
    to: remindedGroups(remedy, escalateTo, escalated),
    message: `gate ${gate} is waiting for a decision: ${remedy.title}`,
    reason: 'half of the time to decide has passed',
  })
}

export function remindedGroups({ approval }: PlanRemedy, escalateTo: string[], escalated: boolean): string[] {
  const by = approval.auto ? [] : approval.by
  return escalated || by.length === 0 ? [...new Set([...by, ...escalateTo])] : by
}
