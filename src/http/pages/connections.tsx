import type { Hono } from 'hono'
import type { Child } from 'hono/jsx'
import type { JsonObject } from '../../core/json.ts'
import type { Engine } from '../../engine/engine.ts'
import { listConnections, rowsOf } from '../../engine/views/connections.ts'
import type { ConnectionStatus, ConnectionView, ReadView } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import type { SharedReads } from '../shared-reads.ts'
import { Active, Blockers, Failures, Queue, Server, Sessions, Times, Transactions } from './connection-parts.tsx'
import { DataTable } from './data-table.tsx'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'
import { Ago, Data, Short, Time } from './words.tsx'

/** The script loads the page again at this interval. */
const RELOAD_SECONDS = 10

/** The connections of the configuration, and what the checks see in one of them now. */
export function connectionPageRoutes(engine: Engine, reads: SharedReads): Hono<ApiEnv> {
  const app = newApp()
  app.get('/connections', async (c) => {
    const page = pageContext(engine, c.get('session'))
    const children = <ConnectionsPage connections={await listConnections(engine)} now={page.now} />
    return answerPage(c, { page, title: 'Connections', children })
  })
  app.get('/connections/:name', async (c) => {
    const view = await reads.connection(c.req.param('name'))
    const page = pageContext(engine, c.get('session'))
    const children = <ConnectionPage view={view} now={page.now} />
    return answerPage(c, { page, title: `Connection ${view.name}`, live: { every: RELOAD_SECONDS }, children })
  })
  return app
}

function ConnectionsPage({ connections, now }: { connections: ConnectionStatus[]; now: number }) {
  return (
    <>
      <h1>Connections</h1>
      <ConnectionTable connections={connections} now={now} />
      <p class="small">
        The page of a connection reads the system with the read credentials. This list reads nothing from the systems.
      </p>
    </>
  )
}

export function ConnectionTable({ connections, now }: { connections: ConnectionStatus[]; now: number }) {
  return (
    <DataTable
      caption="Connections of the configuration, and the open incidents that wait for them"
      columns={['Connection', 'Kind', 'Incidents that wait', 'Longest wait began', 'Why']}
      rows={connections.map(({ name, kind, waiting }) => [
        <a class="button" href={`/connections/${encodeURIComponent(name)}`}>
          <Data value={name} />
        </a>,
        kind,
        waiting ? String(waiting.incidents) : 'none',
        waiting && <Ago at={waiting.since} now={now} />,
        waiting && <Data value={waiting.why} />,
      ])}
      empty="The configuration has no connection."
    />
  )
}

function ConnectionPage({ view, now }: { view: ConnectionView; now: number }) {
  const { reads } = view
  return (
    <>
      <p>
        <a href="/connections">All connections</a>
      </p>
      <div id="connection-state" data-live>
        <h1>
          <Data value={view.name} /> <span class="small">{view.kind}</span>
        </h1>
        <p>
          Read at <Time at={view.readAt} /> (<Ago at={view.readAt} now={now} />
          ), with the read credentials. All readers of this page share one read in 5 s.
        </p>
        {Object.keys(reads).length === 0 && (
          <p>The engine reads nothing from a connection of kind {view.kind} for this page.</p>
        )}
        {reads.queue && <Read read={reads.queue} title="Queue" show={(result) => <Queue queue={result} />} />}
        {reads.active && (
          <Read read={reads.active} title="Workers" show={(result) => <Active jobs={rowsOf(result)} />} />
        )}
        {reads.completed && (
          <Read read={reads.completed} title="Waits and runs" show={(result) => <Times jobs={rowsOf(result)} />} />
        )}
        {reads.failures && (
          <Read read={reads.failures} title="Failures" show={(result) => <Failures failures={result} />} />
        )}
        {reads.sessions && (
          <Read read={reads.sessions} title="Sessions" show={(result) => <Sessions rows={rowsOf(result)} />} />
        )}
        {reads.transactions && (
          <Read
            read={reads.transactions}
            title="Transactions"
            show={(result) => <Transactions rows={rowsOf(result)} />}
          />
        )}
        {reads.blockers && (
          <Read read={reads.blockers} title="Blockers" show={(result) => <Blockers rows={rowsOf(result)} />} />
        )}
        {reads.server && <Read read={reads.server} title="Server" show={(result) => <Server server={result} />} />}
      </div>
    </>
  )
}

/** The result of one check, or why it could not be read. */
function Read({ read, title, show }: { read: ReadView; title: string; show(result: JsonObject): Child }) {
  return (
    <section class="card">
      <h2>
        {title} <span class="small">{read.check}</span>
      </h2>
      {read.result === null ? (
        <p class="problem">
          This could not be read: <Short value={read.error ?? read.status} />
        </p>
      ) : (
        show(read.result)
      )}
      {read.truncated && (
        <p class="notice">The check saw only a part: the system has more, or a time is not certain.</p>
      )}
    </section>
  )
}
