import type { Evidence } from '../core/evidence.ts'
import type { JsonObject } from '../core/json.ts'
import { humanDuration } from '../core/duration.ts'
import { diagnose } from './diagnose.ts'
import { evaluateCondition } from './find.ts'
import type { CheckRequest, PollAnswer, PollRequest } from './host.ts'

/** The functions that polling needs. In production an activity provides them, in tests the simulator with its fake clock. */
export interface PollPort {
  /** Runs the checks of one sample; stores nothing. */
  runChecks(requests: CheckRequest[]): Promise<Evidence[]>
  /** Milliseconds since the polling began, including the time before a restart of the worker. */
  elapsedMs(): number
  /** Waits until the next sample. `holding` says whether the condition held in the last sample. */
  sleep(ms: number, holding: boolean): Promise<void>
  cancelled(): Promise<boolean>
  /**
   * Whether nothing could be observed for a while before the last sample, so that the condition may have been false in
   * between.
   */
  wasInterrupted?(): boolean
}

export interface Polled extends PollAnswer {
  /** The evidence of the last sample, for the history. */
  last: Evidence[]
  /** The parameters of the last sample's checks, by place. */
  parameters: Record<string, JsonObject>
}

/**
 * Samples the checks until the condition has held in every sample for `holdsMs`, or until `withinMs` is over. If the condition is
 * undetermined in a sample, it counts as not holding.
 */
export async function poll(port: PollPort, request: PollRequest): Promise<Polled> {
  const start = { values: request.scope, types: request.types, states: {} }
  let heldSince: number | undefined
  for (let samples = 1; ; samples += 1) {
    const last: Evidence[] = []
    const parameters: Record<string, JsonObject> = {}
    const collect = async (requests: CheckRequest[]) => {
      const found = await port.runChecks(requests)
      last.push(...found)
      for (const one of requests) parameters[one.place] = one.parameters
      return found
    }
    const scope = await diagnose({ runChecks: collect }, request.checks, start, request.place)
    const now = port.elapsedMs()
    const until = evaluateCondition(request.until, scope)
    const holds = 'value' in until && until.value === true
    if (port.wasInterrupted?.()) heldSince = undefined
    heldSince = holds ? (heldSince ?? now) : undefined
    const answer = (held: boolean, cancelled: boolean, detail: string): Polled => ({
      held,
      cancelled,
      detail,
      tookMs: Math.round(now),
      last,
      parameters,
    })
    if (heldSince !== undefined && now - heldSince >= request.holdsMs) {
      const held = request.holdsMs > 0 ? `, and held for ${humanDuration(request.holdsMs)}` : ''
      return answer(true, false, `true after ${humanDuration(heldSince)}${held} (${count(samples)})`)
    }
    if (await port.cancelled()) return answer(false, true, `cancelled after ${count(samples)}`)
    const left = request.withinMs - now
    // If the condition holds when the time is over, polling continues until the condition has held long enough.
    if (left <= 0 && heldSince === undefined) {
      const why = 'undetermined' in until ? `: undetermined, ${until.undetermined}` : ''
      return answer(false, false, `not true within ${humanDuration(request.withinMs)} (${count(samples)})${why}`)
    }
    await port.sleep(Math.max(1, Math.min(request.everyMs, left > 0 ? left : request.everyMs)), holds)
  }
}

/**
 * The maximum time of a poll, without the time in which a connection is down: it includes the sample that begins last and the sample before
 * it. If an attempt were ended earlier, during a sample, the next attempt would begin the same sample again, for ever.
 */
export function longestPollMs({ withinMs, holdsMs, everyMs, checks }: PollRequest): number {
  const sampleMs = checks.reduce((sum, check) => sum + check.timeoutMs, 0)
  return withinMs + holdsMs + 2 * (everyMs + sampleMs)
}

function count(samples: number): string {
  return samples === 1 ? '1 sample' : `${samples} samples`
}
