import { RunbookError } from '../src/core/errors.ts'
import type { JsonObject } from '../src/core/json.ts'
import { readEventBody } from '../src/core/parse-event.ts'
import { parsePlace } from '../src/core/place.ts'
import { recordVerdict } from '../src/gate/breaker.ts'
import type { Database } from '../src/history/database.ts'
import { recordEvents } from '../src/history/record.ts'
import type { Authority } from './authority/caller.ts'
import { expectRecheck } from './authority/expect-recheck.ts'
import { expectVerdict } from './authority/expect-verdict.ts'
import { refuse } from './authority/refuse.ts'

/** The kinds of events that are recorded without a comparison, because they permit nothing and claim no success. */
const PLAIN: ReadonlySet<string> = new Set(['stopped', 'waiting', 'unexpected', 'again'])

/**
 * Records an event that the interpreter reports. Each kind of event has its own place. A re-check and a verdict must follow from the stored
 * evidence. Returns the time at which the event was recorded (ISO 8601, by the engine's database). Throws `RUNBOOK_BAD_INPUT` for an event
 * of another form, and `RUNBOOK_REFUSED`.
 */
export async function recordFinding(
  database: Database,
  authority: Authority,
  at: string,
  kind: string,
  data: JsonObject,
): Promise<{ at: string }> {
  const { incident } = authority
  const place = parsePlace(at)
  const event = readEventBody(kind, data)
  if (event.kind === 'unreadable')
    throw new RunbookError('RUNBOOK_BAD_INPUT', `the workflow sent an event that this worker does not know: ${kind}`)
  if (place?.kind === 'verified' && event.kind === 'verified') {
    await expectVerdict(database, authority, place.round, data)
    return recordVerdict(database, incident, event.data)
  }
  if (place?.kind === 'recheck' && event.kind === 'recheck') await expectRecheck(database, authority, place, data)
  else if (!PLAIN.has(event.kind) || place?.kind !== event.kind)
    return refuse(incident, `the interpreter records no event of kind ${kind} at ${at}`)
  const [stored] = await recordEvents(database, incident, [{ place: at, actor: 'engine', ...event }])
  return { at: stored!.at }
}
