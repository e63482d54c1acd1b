import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts'
import { cutText } from '../../core/storable.ts'
import { DataTable } from './data-table.tsx'
import { Code, Data, plural } from './words.tsx'

const MAX_ROWS = 100
const MAX_COLUMNS = 20
const MAX_CELL = 200
const MAX_FIELD = 2_000
const MAX_TEXT = 20_000

/** The result of a check: each list of rows as a table, and all other fields as one table. */
export function Result({ value, maxRows = MAX_ROWS }: { value: Json; maxRows?: number }) {
  if (!isJsonObject(value)) return <Code text={shortened(JSON.stringify(value, null, 2))} />
  const lists = Object.entries(value).filter((entry): entry is [string, JsonObject[]] => isTable(entry[1]))
  const others = Object.fromEntries(Object.entries(value).filter(([, one]) => !isTable(one)))
  return (
    <>
      {lists.map(([name, rows]) => (
        <Rows name={name} rows={rows} maxRows={maxRows} />
      ))}
      {Object.keys(others).length > 0 && <Fields fields={others} />}
    </>
  )
}

/** Named values as a table. */
export function Fields({ fields }: { fields: JsonObject }) {
  return (
    <DataTable
      columns={['field', 'value']}
      rows={Object.entries(fields).map(([name, value]) => [
        <Data value={name} />,
        <Data value={cell(value, MAX_FIELD)} />,
      ])}
      empty="No field."
      limit={MAX_ROWS}
    />
  )
}

function isTable(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isJsonObject)
}

function Rows({ name, rows, maxRows }: { name: string; rows: JsonObject[]; maxRows: number }) {
  const shown = rows.slice(0, maxRows)
  const columns = [...new Set(shown.flatMap((row) => Object.keys(row)))]
  const hidden = [
    ...(rows.length > shown.length ? [`${rows.length - shown.length} more rows`] : []),
    ...(columns.length > MAX_COLUMNS ? [`${columns.length - MAX_COLUMNS} more columns`] : []),
  ]
  return (
    <>
      <div class="scroll" tabindex={0}>
        <table>
          <caption>
            <Data value={name} />: {plural(rows.length, 'row')}
          </caption>
          <thead>
            <tr>
              {columns.slice(0, MAX_COLUMNS).map((column) => (
                <th scope="col">
                  <Data value={column} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr>
                {columns.slice(0, MAX_COLUMNS).map((column) => (
                  <td>{Object.hasOwn(row, column) && <Data value={cell(row[column]!)} />}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {hidden.length > 0 && <p class="notice">Not shown: {hidden.join(', ')}. "runbook review" prints everything.</p>}
    </>
  )
}

function cell(value: Json, max = MAX_CELL): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > max ? `${cutText(text, max)}…` : text
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${cutText(text, MAX_TEXT)}\n… (${text.length - MAX_TEXT} more characters)` : text
}
