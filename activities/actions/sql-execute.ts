import type { Json, JsonObject } from '../../src/core/json.ts'
import { defined } from '../../src/core/defined.ts'
import { grantsOfAction } from '../../src/core/needed-grants.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { GuardedWrite } from '../../src/effects/action-implementation.ts'
import { listParameter, recordParameter, textParameter, wholeParameter } from '../../src/effects/action-parameters.ts'
import { sqlExecute } from '../../src/language/kinds/sql-execute.ts'
import { changesOf, uncountedWrites } from '../../src/language/compile/sql.ts'
import { cascadesOf, type KeyChange } from '../../src/targets/cascades.ts'
import { tableWarnings } from '../../src/targets/table-warnings.ts'
import { alsoChanged, cascadeWarning } from './cascade-warning.ts'
import { previewWith, requireShownRows, warningOf, type Action } from './action.ts'
import { capRows } from '../limit-result.ts'
import { readRows, shownSchemas, tryToParse, type FoundRows } from './read-rows.ts'
import { displaySql, withUsedValues } from './display-sql.ts'

export const sqlExecuteAction: Action = {
  kind: sqlExecute,
  implementation: { protocol: 'sql', write: declaredWrite },
  async preview(parameters, { targets }) {
    const params = listParameter(parameters, 'params')
    return previewWith(displaySql(textParameter(parameters, 'sql'), params), async () => {
      const target = await targets.postgres(textParameter(parameters, 'connection'), 'read')
      // An action that undoes an `sql.execute` has no `preview`, so there are no rows to show.
      const { preview } = parameters
      const select = typeof preview === 'string' ? withUsedValues(preview, params) : undefined
      return readRows(target, select, async (client, found) => {
        const { update, needs } = declaredWrite(parameters)
        await tryToParse(client, update)
        const further = defined({ cascades: await cascadesOf(client, keyChanges(parameters)) })
        const tables = changedTables(recordParameter(parameters, 'tables'))
        const warnings = [cascadeWarning(further.cascades), ...(await tableWarnings(client, tables))]
        const schemas = await shownSchemas(client, needs)
        return select
          ? { ...schemas, ...further, ...(await describe(parameters, params, found, target.redact, warnings)) }
          : {
              ...schemas,
              ...further,
              undo: undoOf(parameters, params),
              ...warningOf(warnings),
            }
      })
    })
  },
}

function declaredWrite(parameters: JsonObject, approved?: ActionPreview): GuardedWrite {
  return {
    connection: textParameter(parameters, 'connection'),
    rows: wholeParameter(parameters, 'rows', 1),
    update: withUsedValues(textParameter(parameters, 'sql'), listParameter(parameters, 'params')),
    what: changedTables(recordParameter(parameters, 'tables')).join(', '),
    uncounted: uncounted(textParameter(parameters, 'sql')) + alsoChanged(approved?.cascades),
    ...defined({ schemas: approved?.schemas }),
    needs: grantsOfAction('sql.execute', parameters),
  }
}

function uncounted(sql: string): string {
  const writes = uncountedWrites(sql)
  return writes.length > 0 ? ` (rows of ${writes.join(' and ')} inside WITH are not counted)` : ''
}

/** What the statement does to each table, as far as its declared privileges and its words say. */
function keyChanges(parameters: JsonObject): KeyChange[] {
  const { deletes, names } = changesOf(textParameter(parameters, 'sql'))
  const tables = recordParameter(parameters, 'tables')
  return Object.keys(tables).map((table) => {
    const rights = listParameter(tables, table)
    return {
      table,
      deletes: deletes && rights.includes('delete'),
      columns: rights.includes('update') ? names : [],
    }
  })
}

function changedTables(tables: JsonObject): string[] {
  const changed = Object.keys(tables).filter((table) =>
    listParameter(tables, table).some((right) => right !== 'select'),
  )
  return changed.length > 0 ? changed : Object.keys(tables)
}

async function describe(
  parameters: JsonObject,
  params: Json[],
  { count, rows }: FoundRows,
  redact: string[],
  warnings: (string | undefined)[],
): Promise<Omit<ActionPreview, 'summary'>> {
  const wanted = wholeParameter(parameters, 'rows', 1)
  const pairs = rows.map(beforeAndAfter)
  const capped = await capRows(pairs, {}, redact)
  const { rows: visible } = capped as unknown as { rows: ActionPreview['rows'] & object }
  requireShownRows(pairs.length, visible.length)
  const writes = uncountedWrites(textParameter(parameters, 'sql')).join(' and ')
  return {
    rows: visible,
    count,
    undo: undoOf(parameters, params),
    ...warningOf([
      count === wanted
        ? undefined
        : `${count} rows match now, but the write must change exactly ${wanted}: the action would probably be refused now`,
      writes === ''
        ? undefined
        : `only the rows of the main statement are counted: the ${writes} inside WITH may change more rows than shown`,
      ...warnings,
    ]),
  }
}

function undoOf({ undo }: JsonObject, params: Json[]): string {
  return typeof undo === 'string' ? displaySql(undo, params) : 'none: the runbook has no undo statement'
}

/**
 * A column `new_state` next to a column `state` holds the value of `state` after the write. The values of other columns after the write are
 * unknown.
 */
function beforeAndAfter(row: JsonObject): { before: JsonObject; after: JsonObject } {
  const isNew = (name: string) => name.startsWith('new_') && Object.hasOwn(row, name.slice(4))
  const columns = Object.entries(row)
  return {
    before: Object.fromEntries(columns.filter(([name]) => !isNew(name))),
    after: Object.fromEntries(columns.filter(([name]) => isNew(name)).map(([name, value]) => [name.slice(4), value])),
  }
}
