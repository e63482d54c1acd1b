import type { Context, Hono } from 'hono'
import { csvText } from '../../core/csv.ts'
import { RunbookError } from '../../core/errors.ts'
import type { InsightRequest } from '../../core/insight-request.ts'
import type { Engine } from '../../engine/engine.ts'
import {
  cellText,
  insightTables,
  isTableName,
  shareText,
  type InsightTable,
  type TableName,
} from '../../engine/views/insight-tables.ts'
import type { InsightGroup, Insights } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import type { SharedReads } from '../shared-reads.ts'
import { insightQuery } from '../routes/insights.ts'
import { ShareChart, TimesChart } from './charts.tsx'
import { DataTable } from './data-table.tsx'
import { answerPage } from './layout.tsx'
import { readForm } from './on-incident.ts'
import { pageContext } from './page-context.ts'
import { IncidentLink, Short, Time } from './words.tsx'

const PERIODS = { '7d': '7 days', '30d': '30 days', '90d': '90 days', '365d': 'one year', '1095d': 'three years' }
/** So many of the latest months are drawn. */
const MAX_MONTHS = 12

/** What the history says about the incidents of a period, and each of its tables as a file. */
export function insightPageRoutes(engine: Engine, reads: SharedReads): Hono<ApiEnv> {
  const app = newApp()
  app.get('/insights', async (c) => {
    const request = requestOf(c)
    const insights = await reads.insights(request)
    const page = pageContext(engine, c.get('session'))
    return answerPage(c, { page, title: 'Insights', children: <InsightsPage {...{ insights, request }} /> })
  })
  app.get('/insights/csv/:table', async (c) => {
    const name = c.req.param('table')
    if (!isTableName(name))
      throw new RunbookError('RUNBOOK_NOT_FOUND', 'this address does not name a table of /insights')
    const { columns, rows } = insightTables(await reads.insights(requestOf(c)))[name]
    const titles = columns.map(({ title, kind }) => (kind === 'duration' ? `${title} (ms)` : title))
    return c.body(csvText(titles, rows), 200, {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="insights-${name}.csv"`,
    })
  })
  return app
}

/** A browser sends an empty field as an empty text, for which the default applies. */
function requestOf(c: Context): InsightRequest {
  const given = Object.entries(c.req.query()).filter(([, value]) => value !== '')
  return readForm(insightQuery, Object.fromEntries(given))
}

function InsightsPage({ insights, request }: { insights: Insights; request: InsightRequest }) {
  const tables = insightTables(insights)
  const all = insights.groups.find(({ by }) => by === 'all')!
  const months = insights.groups.filter(({ by }) => by === 'month').slice(-MAX_MONTHS)
  const show = (name: TableName, table: InsightTable = tables[name]) => (
    <Table name={name} table={table} request={request} />
  )
  return (
    <>
      <h1>Insights</h1>
      <PeriodForm request={request} />
      <p>
        Incidents opened from <Time at={insights.since} /> to <Time at={insights.until} />. The report can be a minute
        old.
      </p>
      <Summary all={all} />
      <section class="card">
        <h2>How long each part took</h2>
        {all.segments.length > 0 && (
          <TimesChart
            label="The median (circle) and the 90th percentile (square) of each part"
            rows={all.segments.map(({ segment, p50Ms, p90Ms }) => ({ name: segment, p50Ms, p90Ms }))}
          />
        )}
        {show('times', { ...tables.times, rows: tables.times.rows.filter(([by]) => by === 'all') })}
        <p class="small">
          The circle is the median, the square the 90th percentile. The onset is the earliest time at which an alert
          started or a sample showed the symptom. A time that is not known is not counted.
        </p>
      </section>
      <section class="card">
        <h2>Healthy within 30 minutes</h2>
        <ShareChart
          label="The share of incidents that were resolved or cleared within 30 minutes, by month"
          rows={months.map(({ name, healthy, judged }) => ({ name, part: healthy, of: judged }))}
        />
        <h2>Found by detection</h2>
        <ShareChart
          label="The share of reported incidents that the engine's own detection opened, by month"
          rows={months.map(({ name, byDetection, reported }) => ({ name, part: byDetection, of: reported }))}
        />
        {show('groups')}
      </section>
      <section class="card">
        <h2>Remedies</h2>
        {show('remedies')}
        {show('rejections')}
      </section>
      <section class="card">
        <h2>Undetermined causes</h2>
        {show('undetermined')}
      </section>
      <section class="card">
        <h2>Messages at night</h2>
        {show('messages')}
        <p class="small">
          By the channels that the configuration gives to each person and to the person's groups now. It is not known
          who was on call.
        </p>
      </section>
    </>
  )
}

function Summary({ all }: { all: InsightGroup }) {
  return (
    <dl>
      <dt>Incidents</dt>
      <dd>{all.incidents}</dd>
      <dt>Healthy within 30 minutes</dt>
      <dd>{shareText(all.healthy, all.judged)}</dd>
      <dt>Opened by detection</dt>
      <dd>{shareText(all.byDetection, all.reported)}</dd>
      <dt>Opened by alerts</dt>
      <dd>{shareText(all.byAlerts, all.reported)}</dd>
      <dt>Opened by people</dt>
      <dd>{shareText(all.byPeople, all.reported)}</dd>
    </dl>
  )
}

function PeriodForm({ request: { since, zone } }: { request: InsightRequest }) {
  const periods = Object.entries({ ...(Object.hasOwn(PERIODS, since) ? {} : { [since]: since }), ...PERIODS })
  return (
    <form method="get" action="/insights" class="stack">
      <label for="since">Period</label>
      <select id="since" name="since">
        {periods.map(([value, name]) => (
          <option value={value} selected={value === since}>
            {name}
          </option>
        ))}
      </select>
      <label for="zone">Time zone, in which months and nights are counted</label>
      <input id="zone" name="zone" value={zone} maxlength={60} autocomplete="off" />
      <button type="submit">Show</button>
    </form>
  )
}

function Table({ name, table, request }: { name: TableName; table: InsightTable; request: InsightRequest }) {
  const { caption, columns, rows, empty } = table
  return (
    <>
      <DataTable
        caption={caption}
        columns={columns.map(({ title }) => title)}
        rows={rows.map((row) =>
          row.map((cell, i) => {
            const { kind } = columns[i]!
            if (cell === null) return cellText(kind, cell)
            if (kind === 'incident') return <IncidentLink id={String(cell)} />
            return kind === 'time' ? <Time at={String(cell)} /> : <Short value={cellText(kind, cell)} />
          }),
        )}
        empty={empty}
      />
      {rows.length > 0 && (
        <p>
          <a class="button" href={`/insights/csv/${name}?${new URLSearchParams({ ...request })}`} download>
            CSV: {name}
          </a>
        </p>
      )}
    </>
  )
}
