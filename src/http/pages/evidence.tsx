import type { Hono } from 'hono'
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts'
import { RunbookError } from '../../core/errors.ts'
import { cutText } from '../../core/storable.ts'
import type { Engine } from '../../engine/engine.ts'
import { readEvidenceByRef } from '../../engine/views/evidence.ts'
import type { EvidenceView } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { evidenceParams } from '../request-schemas.ts'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'
import { Code, Data, IncidentLink, plural, Time } from './words.tsx'

const MAX_ROWS = 100
const MAX_COLUMNS = 20
const MAX_CELL = 200
const MAX_TEXT = 20_000

export function evidenceRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/incidents/:id/evidence/:ref', async (c) => {
    const address = evidenceParams.safeParse(c.req.param())
    if (!address.success) throw new RunbookError('RUNBOOK_NOT_FOUND', 'this address does not name any evidence')
    const { id, ref } = address.data
    const evidence = await readEvidenceByRef(engine.database, id, ref)
    const children = <EvidencePage id={id} evidence={evidence} />
    const page = pageContext(engine, c.get('session'))
    return answerPage(c, { page, title: `${id} ${evidence.name}`, children })
  })
  return app
}

function EvidencePage({ id, evidence }: { id: string; evidence: EvidenceView }) {
  const { result, error, ...rest } = evidence.body
  return (
    <>
      <p>
        <IncidentLink id={id}>Back to {id}</IncidentLink>
      </p>
      <h1>
        {evidence.name} <span class="small">{evidence.kind}</span>
      </h1>
      <p>
        Read at <Time at={evidence.at} />
        {evidence.truncated && ' · the result was truncated when it was read: the system had more'}
      </p>
      <h2>Parameters</h2>
      <Code text={JSON.stringify(evidence.parameters, null, 2)} />
      <h2>Result</h2>
      {error !== undefined && (
        <p class="problem">
          <Data value={error} />
        </p>
      )}
      {result !== undefined && <Result value={result} />}
      {Object.keys(rest).length > 0 && <Result value={rest} />}
    </>
  )
}

function Result({ value }: { value: Json }) {
  if (!isJsonObject(value)) return <Code text={shortened(JSON.stringify(value, null, 2))} />
  const lists = Object.entries(value).filter((entry): entry is [string, JsonObject[]] => isTable(entry[1]))
  const others = Object.fromEntries(Object.entries(value).filter(([, one]) => !isTable(one)))
  return (
    <>
      {lists.map(([name, rows]) => (
        <Rows name={name} rows={rows} />
      ))}
      {Object.keys(others).length > 0 && <Code text={shortened(JSON.stringify(others, null, 2))} />}
    </>
  )
}

function isTable(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isJsonObject)
}

function Rows({ name, rows }: { name: string; rows: JsonObject[] }) {
  const shown = rows.slice(0, MAX_ROWS)
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

function cell(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > MAX_CELL ? `${cutText(text, MAX_CELL)}…` : text
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${cutText(text, MAX_TEXT)}\n… (${text.length - MAX_TEXT} more characters)` : text
}
