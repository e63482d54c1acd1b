import type { Json, JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { GuardedWrite } from '../../src/effects/action-implementation.ts'
import { listParameter, recordParameter, textParameter, wholeParameter } from '../../src/effects/action-parameters.ts'
import { sqlExecute } from '../../src/language/kinds/sql-execute.ts'
import { withLook, type Action } from './action.ts'
import { capResult } from '../limit-result.ts'
import { readRows, type FoundRows } from './read-rows.ts'
import { shownSql, withOwnValues } from './display-sql.ts'

export const sqlExecuteAction: Action = {
  kind: sqlExecute,
  implementation: { protocol: 'sql', write: ownWrite },
  async preview(parameters, { targets }) {
    const params = listParameter(parameters, 'params')
    return withLook(shownSql(textParameter(parameters, 'sql'), params), async () => {
      const target = await targets.postgres(textParameter(parameters, 'connection'), 'read')
      // The undo of such a statement is one without a preview of its own.
      const { preview } = parameters
      const select = typeof preview === 'string' ? withOwnValues(preview, params) : undefined
      const found = await readRows(target, select, ownWrite(parameters).update)
      return select ? describe(parameters, params, found, target.redact) : { undo: undoOf(parameters, params) }
    })
  },
}

function ownWrite(parameters: JsonObject): GuardedWrite {
  return {
    connection: textParameter(parameters, 'connection'),
    rows: wholeParameter(parameters, 'rows', 1),
    update: withOwnValues(textParameter(parameters, 'sql'), listParameter(parameters, 'params')),
    what: changedTables(recordParameter(parameters, 'tables')),
  }
}

function changedTables(tables: JsonObject): string {
  const changed = Object.keys(tables).filter((table) =>
    listParameter(tables, table).some((right) => right !== 'select'),
  )
  return (changed.length > 0 ? changed : Object.keys(tables)).join(', ')
}

function describe(
  parameters: JsonObject,
  params: Json[],
  { count, rows }: FoundRows,
  redact: string[],
): Omit<ActionPreview, 'summary'> {
  const wanted = wholeParameter(parameters, 'rows', 1)
  const pairs = rows.map(becoming)
  const { rows: visible } = capResult({ rows: pairs }, redact) as unknown as { rows: ActionPreview['rows'] & object }
  return {
    rows: visible,
    count,
    undo: undoOf(parameters, params),
    ...(count === wanted
      ? {}
      : { warning: `${count} rows fit now, ${wanted} must: as it stands it would probably be refused` }),
  }
}

function undoOf({ undo }: JsonObject, params: Json[]): string {
  return typeof undo === 'string' ? shownSql(undo, params) : 'none: the runbook has no statement for it'
}

/** A column `new_state` beside a column `state` is what that becomes; the others stay, or nobody says. */
function becoming(row: JsonObject): { before: JsonObject; after: JsonObject } {
  const isNew = (name: string) => name.startsWith('new_') && Object.hasOwn(row, name.slice(4))
  const columns = Object.entries(row)
  return {
    before: Object.fromEntries(columns.filter(([name]) => !isNew(name))),
    after: Object.fromEntries(columns.filter(([name]) => isNew(name)).map(([name, value]) => [name.slice(4), value])),
  }
}
