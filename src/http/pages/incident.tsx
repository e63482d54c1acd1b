import type { Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Engine } from '../../engine/engine.ts'
import { sessionOf } from '../../engine/sessions.ts'
import { incidentForReader, type IncidentForReader } from '../../engine/views/incident-for-reader.ts'
import type { IncidentView } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { requireIncidentId } from './incident-id.ts'
import type { Problem } from '../problem.ts'
import type { EventStreams } from '../routes/events.ts'
import { readSessionCookie } from '../session-cookie.ts'
import { ActForms, AfterForms, StepCard } from './act-forms.tsx'
import { GateCard } from './gate-card.tsx'
import { Graph } from './graph.tsx'
import { answerPage } from './layout.tsx'
import { pageContext, type PageContext } from './page-context.ts'
import { Rounds } from './rounds.tsx'
import { runbookPath } from './runbook-list.tsx'
import { Timeline } from './timeline.tsx'
import { waitsFor } from './waits-for.ts'
import { Ago, Data, Expiry, IncidentLink, incidentPath, Time } from './words.tsx'

const EVENTS = 60
const MAX_EVENTS = 1_000

export function incidentRoutes(engine: Engine, streams: EventStreams): Hono<ApiEnv> {
  const app = newApp()
  app.get('/incidents/:id', (c) => answerIncident(c, engine, requireIncidentId(c)))
  app.get('/incidents/:id/events', (c) => {
    const after = /^\d{1,15}$/.exec(c.req.header('last-event-id') ?? c.req.query('after') ?? '0')
    // The person may sign out on another device while this stream is open.
    const value = readSessionCookie(c)
    const mayRead = async () => value !== undefined && (await sessionOf(engine, value)) !== undefined
    return streams(c, requireIncidentId(c), Number(after?.[0] ?? 0), { name: 'change', mayRead })
  })
  return app
}

/** The page of an incident. `problem` says why the last request of the person changed nothing. */
export async function answerIncident(
  c: Context<ApiEnv>,
  engine: Engine,
  id: string,
  problem?: Problem,
): Promise<Response> {
  const events = c.req.query('events') === 'all' ? MAX_EVENTS : EVENTS
  const incident = await incidentForReader(engine, id, c.get('person'), events)
  const page = pageContext(engine, c.get('session'))
  const mine = incident.open?.deciders.mayNotApprove === null ? '(1) ' : ''
  const last = incident.timeline.at(-1)?.seq ?? 0
  return answerPage(
    c,
    {
      page,
      title: `${mine}${id} ${incident.view.type}`,
      ...(incident.view.closedAt === null ? { live: { events: `${incidentPath(id)}/events?after=${last}` } } : {}),
      children: <IncidentPage incident={incident} page={page} problem={problem} />,
    },
    (problem?.status ?? 200) as ContentfulStatusCode,
  )
}

function IncidentPage(props: { incident: IncidentForReader; page: PageContext; problem: Problem | undefined }) {
  const { incident, page, problem } = props
  const { view, open } = incident
  return (
    <>
      {problem && (
        <p class="problem" role="alert">
          Nothing was changed. {problem.detail}
        </p>
      )}
      <div id="head" data-live>
        <Head incident={incident} page={page} />
      </div>
      <div id="steps" data-live data-version={view.manualSteps.map((step) => JSON.stringify(step)).join(' ')}>
        {view.manualSteps.map((step) => (
          <StepCard id={view.id} step={step} page={page} />
        ))}
      </div>
      <div id="gate" data-live data-version={open && gateVersion(open.gate)}>
        {open && <GateCard id={view.id} open={open} page={page} findings={view.rounds.at(-1)?.causes ?? []} />}
      </div>
      <div id="rounds" data-live>
        <Rounds view={view} page={page} />
        {incident.graph && (
          <details class="card">
            <summary>Graph of the runbook, with the path of the last round</summary>
            <Graph graph={incident.graph} label={`${view.runbook}: checks, causes and what is done about them`} />
          </details>
        )}
      </div>
      <ActForms view={view} page={page} />
      <AfterForms view={view} page={page} />
      <div id="timeline" data-live>
        <Timeline incident={incident} />
      </div>
    </>
  )
}

/** A text that differs after every change that matters to a person who is about to decide. */
function gateVersion({ proposalDigest, expiresAt, decisions, groups }: NonNullable<IncidentForReader['open']>['gate']) {
  const live = decisions.map(({ person, decision, withdrawn }) => `${person} ${decision} ${withdrawn}`)
  return [proposalDigest, expiresAt, ...groups, ...live].join(' ')
}

function Head({ incident, page }: { incident: IncidentForReader; page: PageContext }) {
  const { view } = incident
  const waits = waitsFor(incident)
  return (
    <>
      <p class={`waits ${view.closedAt === null ? 'open' : 'closed'}`}>
        {waits.text}
        {waits.until && (
          <>
            {' '}
            in <Expiry until={waits.until} now={page.now} />.
          </>
        )}
      </p>
      <h1>
        {view.id} {view.type}
      </h1>
      {view.reason !== null && (
        <p>
          <Data value={view.reason} />
        </p>
      )}
      <Facts view={view} page={page} />
      {view.unreadable && (
        <p class="problem">
          These parts were changed after they were stored and cannot be read: {view.unreadable.join(', ')}. Run "runbook
          audit verify".
        </p>
      )}
      {view.controls.map(({ name, person, reason, at }) => (
        <p class="problem">
          {name === 'freeze' ? 'Frozen' : `The breaker of ${name.replace('breaker/', '')} is open`}: no remedy is
          applied ({person}, <Ago at={at} now={page.now} />: <Data value={reason} />)
        </p>
      ))}
    </>
  )
}

function Facts({ view, page }: { view: IncidentView; page: PageContext }) {
  const { now } = page
  return (
    <details class="about">
      <summary>
        Opened <Ago at={view.openedAt} now={now} /> by {view.requester.replace(/^person:/, '')}, key{' '}
        <Data value={view.key} />
      </summary>
      <dl>
        <dt>Opened at</dt>
        <dd>
          <Time at={view.openedAt} />
        </dd>
        <dt>Runbook</dt>
        <dd>
          <a href={runbookPath(view.runbook)}>{view.runbook}</a>, plan <code>{view.planDigest.slice(0, 12)}</code>
        </dd>
        <dt>Inputs</dt>
        <dd>
          <Data value={view.inputs} />
        </dd>
        {view.occurrences > 1 && <dt>Triggered</dt>}
        {view.occurrences > 1 && <dd>{view.occurrences} times</dd>}
        {view.parent !== null && <dt>Follows</dt>}
        {view.parent !== null && (
          <dd>
            <IncidentLink id={view.parent} />
          </dd>
        )}
        {view.children.length > 0 && <dt>Followed by</dt>}
        {view.children.map(({ id, type, state, outcome }) => (
          <dd>
            <IncidentLink id={id} /> {type}: {outcome ?? state}
          </dd>
        ))}
        {page.workflowUrl && <dt>Workflow</dt>}
        {page.workflowUrl && (
          <dd>
            <a href={page.workflowUrl(view.workflowId)} rel="noreferrer noopener">
              in Temporal's UI
            </a>
          </dd>
        )}
        {view.acknowledgedBy !== null && <dt>Acknowledged by</dt>}
        {view.acknowledgedBy !== null && <dd>{view.acknowledgedBy}</dd>}
        {view.claimedBy !== null && <dt>Claimed by</dt>}
        {view.claimedBy !== null && <dd>{view.claimedBy}</dd>}
        {view.alerts.length > 0 && <dt>Alerts</dt>}
        {view.alerts.map((alert) => (
          <dd>
            <AlertLine alert={alert} />
          </dd>
        ))}
      </dl>
    </details>
  )
}

function AlertLine({ alert }: { alert: IncidentView['alerts'][number] }) {
  const { source, labels, fingerprint, status, url } = alert
  const others = Object.entries(labels).filter(([name]) => name !== 'alertname')
  return (
    <>
      <Data value={labels.alertname ?? fingerprint} /> ({source}): {status === 'firing' ? 'fires' : 'resolved'}
      {others.map(([name, value]) => (
        <>
          {' '}
          <Data value={`${name}=${value}`} />
        </>
      ))}
      {url !== null && /^https?:\/\//i.test(url) && (
        <>
          {' '}
          <a href={url} rel="noreferrer noopener">
            open the alert
          </a>
        </>
      )}
    </>
  )
}
