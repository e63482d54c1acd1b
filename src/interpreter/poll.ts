import type { Evidence } from '../core/evidence.ts'
import { humanDuration } from '../core/duration.ts'
import { diagnose } from './diagnose.ts'
import { verdict } from './find.ts'
import type { CheckRequest, PollAnswer, PollRequest } from './host.ts'

/** What polling needs of the world: an activity in production, the fake clock in the simulator. */
export interface PollPort {
  /** Runs the sample's checks; nothing is stored. */
  runChecks(requests: CheckRequest[]): Promise<Evidence[]>
  /** Milliseconds since the polling began, over restarts. */
  elapsedMs(): number
  /** Until the next look; `holding`: the condition held at the last one. */
  sleep(ms: number, holding: boolean): Promise<void>
  cancelled(): Promise<boolean>
}

export interface Polled extends PollAnswer {
  /** The last sample's evidence, for the history. */
  last: Evidence[]
}

/**
 * Samples the checks until the condition has held at every sample for `holdsMs`, or `withinMs` is over. A sample in which the
 * condition is undetermined counts as not holding.
 */
export async function poll(port: PollPort, request: PollRequest): Promise<Polled> {
  const start = { values: request.scope, types: request.types, states: {} }
  let heldSince: number | undefined
  for (let samples = 1; ; samples += 1) {
    const last: Evidence[] = []
    const collect = async (requests: CheckRequest[]) => {
      const found = await port.runChecks(requests)
      last.push(...found)
      return found
    }
    const scope = await diagnose({ runChecks: collect }, request.checks, start, request.place)
    const now = port.elapsedMs()
    const seen = verdict(request.until, scope)
    const holds = 'value' in seen && seen.value === true
    heldSince = holds ? (heldSince ?? now) : undefined
    const answer = (held: boolean, cancelled: boolean, detail: string): Polled => ({
      held,
      cancelled,
      detail,
      tookMs: Math.round(now),
      last,
    })
    if (heldSince !== undefined && now - heldSince >= request.holdsMs) {
      const stood = request.holdsMs > 0 ? `, and held for ${humanDuration(request.holdsMs)}` : ''
      return answer(true, false, `true after ${humanDuration(heldSince)}${stood} (${samples} looks)`)
    }
    if (await port.cancelled()) return answer(false, true, `cancelled after ${samples} looks`)
    const left = request.withinMs - now
    // A condition that holds already is given the time to hold long enough; another would begin too late.
    if (left <= 0 && heldSince === undefined) {
      const why = 'undetermined' in seen ? `: undetermined, ${seen.undetermined}` : ''
      return answer(false, false, `not true within ${humanDuration(request.withinMs)} (${samples} looks)${why}`)
    }
    await port.sleep(Math.max(1, Math.min(request.everyMs, left > 0 ? left : request.everyMs)), holds)
  }
}
