import { canonical } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import type { Queryable } from '../history/database.ts'

/** On while it is there: no permit is given against it. */
export interface Control {
  /** `freeze`, or `breaker/<connection>`. */
  name: string
  /** Who turned it on; `engine` for a breaker that opened by itself. */
  person: string
  reason: string
  /** ISO 8601, UTC. */
  at: string
}

/** Stops every remedy, whatever was approved. */
export const FREEZE = 'freeze'

/** Stops the remedies that write to one connection. */
export function breakerOf(connection: string): string {
  return `breaker/${connection}`
}

export interface ControlTurn {
  control: string
  on: boolean
  person: string
  reason: string
}

const LONGEST_REASON = 2_000

/**
 * Turns a control on or off, and records it in the engine's own chain. False: it was so already, and who turned it first stands.
 * Throws `RUNBOOK_BAD_INPUT` without a reason.
 */
export async function turnControl(db: Queryable, turn: ControlTurn): Promise<boolean> {
  const reason = turn.reason.trim()
  if (reason === '' || reason.length > LONGEST_REASON || !isStorable(reason))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `a reason has 1 to ${LONGEST_REASON} characters, since others must know why, and ${NOT_STORABLE}`,
    )
  const body = canonical({ ...turn, reason } as unknown as Json)
  const turned = await db.query<{ turned: boolean }>('SELECT runbook.turn_control($1) AS turned', [body])
  return turned.rows[0]!.turned
}

/** The controls that are on, `freeze` first. */
export async function readControls(db: Queryable): Promise<Control[]> {
  const found = await db.query<Control>(
    `SELECT name, person, reason, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
     FROM runbook.controls ORDER BY name DESC`,
  )
  return found.rows
}

/** Of these controls, those that stand against a remedy that writes to these connections. */
export function inTheWay(controls: Control[], connections: string[]): Control[] {
  const names = [FREEZE, ...connections.map(breakerOf)]
  return controls.filter((one) => names.includes(one.name))
}
