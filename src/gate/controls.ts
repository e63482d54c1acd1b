import { canonical } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import type { Queryable } from '../history/database.ts'

/** A control is on while its row exists. While a freeze or a breaker is on, the permits that it covers are refused. */
export interface Control {
  /** The name of the control: `freeze`, or `breaker/<connection>`. (`detection/<runbook>` pauses detection and refuses no permits.) */
  name: string
  /** Who switched the control on; `engine` for a breaker that the engine opened. */
  person: string
  reason: string
  /** When the control was switched on (ISO 8601, UTC). */
  at: string
}

/** The control that stops every remedy, including approved ones. */
export const FREEZE = 'freeze'

/** The control that stops the remedies that write to one connection. */
export function breakerOf(connection: string): string {
  return `breaker/${connection}`
}

/** The control that pauses the samples of one runbook. */
export function pauseOf(runbook: string): string {
  return `detection/${runbook}`
}

export interface ControlChange {
  control: string
  on: boolean
  person: string
  reason: string
}

const MAX_REASON_LENGTH = 2_000

/**
 * Switches a control on or off and records the change in the chain of control events. Returns false when the control already had
 * this state; then nothing changes, and the earlier person and reason are kept. Throws `RUNBOOK_BAD_INPUT` without a reason.
 */
export async function switchControl(db: Queryable, change: ControlChange): Promise<boolean> {
  const reason = change.reason.trim()
  if (reason === '' || reason.length > MAX_REASON_LENGTH || !isStorable(reason))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `the reason must have 1 to ${MAX_REASON_LENGTH} characters, so that others know why, and ${NOT_STORABLE}`,
    )
  const body = canonical({ ...change, reason } as unknown as Json)
  const switched = await db.query<{ switched: boolean }>('SELECT runbook.switch_control($1) AS switched', [body])
  return switched.rows[0]!.switched
}

/** The controls that are on and block remedies, `freeze` first. */
export async function readControls(db: Queryable): Promise<Control[]> {
  const found = await db.query<Control>(
    `SELECT name, person, reason, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
     FROM runbook.controls WHERE name = $1 OR starts_with(name, $2) ORDER BY name DESC`,
    [FREEZE, breakerOf('')],
  )
  return found.rows
}

/** The controls that stop a remedy that writes to these connections. */
export function blockingControls(controls: Control[], connections: string[]): Control[] {
  const names = [FREEZE, ...connections.map(breakerOf)]
  return controls.filter((one) => names.includes(one.name))
}
