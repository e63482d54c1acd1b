import type { Hono } from 'hono'
import type { Child } from 'hono/jsx'
import { roleOver } from '../../core/access.ts'
import type { Engine } from '../../engine/engine.ts'
import { inboxOf, type Inbox, type UndecidedGate, type WaitingGate } from '../../engine/views/inbox.ts'
import type { IncidentSummary } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'
import { Ago, approversOf, Countdown, Data, Expiry, IncidentLink, plural, targetCount } from './words.tsx'

/** The script loads the inbox again at this interval. */
const RELOAD_SECONDS = 10

export function inboxRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/', async (c) => {
    const inbox = await inboxOf(engine, c.get('person'))
    const page = pageContext(engine, c.get('session'))
    const title = `${waitingCount(inbox) > 0 ? `(${waitingCount(inbox)}) ` : ''}Inbox`
    const seesAll = roleOver(engine.config.access, c.get('person'), 'everything') !== undefined
    const children = <InboxPage inbox={inbox} seesAll={seesAll} now={page.now} />
    return answerPage(c, { page, title, live: { every: RELOAD_SECONDS }, children })
  })
  return app
}

function waitingCount({ mine, active }: Inbox): number {
  return mine.length + active.filter(({ manualSteps }) => manualSteps.length > 0).length
}

/** `seesAll`: whether the person may see the whole installation, and so its status. */
function InboxPage({ inbox, seesAll, now }: { inbox: Inbox; seesAll: boolean; now: number }) {
  const steps = inbox.active.filter(({ manualSteps }) => manualSteps.length > 0)
  const waiting = new Set([...inbox.mine, ...inbox.others, ...inbox.overdue].map(({ incident }) => incident.id))
  const active = inbox.active.filter(({ id }) => !waiting.has(id) && !steps.some((one) => one.id === id))
  return (
    <div id="inbox" data-live>
      <h1>Inbox</h1>
      <p class="buttons">
        <a class="button" href="/runbooks">
          Runbooks
        </a>
        {seesAll && (
          <>
            <a class="button" href="/status">
              Status of the engine
            </a>
            <a class="button" href="/insights">
              Insights
            </a>
          </>
        )}
      </p>
      <Section title="Waits for you" empty="Nothing waits for you." count={inbox.mine.length + steps.length}>
        {inbox.mine.map((one) => (
          <GateItem one={one} now={now} />
        ))}
        {steps.map((one) => (
          <StepItem one={one} now={now} />
        ))}
      </Section>
      {inbox.others.length > 0 && (
        <Section title="Waits for other people" count={inbox.others.length}>
          {inbox.others.map((one) => (
            <GateItem one={one} now={now} />
          ))}
        </Section>
      )}
      {inbox.overdue.length > 0 && (
        <Section title="Nobody decided in time" count={inbox.overdue.length}>
          {inbox.overdue.map((one) => (
            <OverdueItem one={one} />
          ))}
        </Section>
      )}
      {inbox.unreadable.length > 0 && (
        <p class="problem">
          These proposals were changed after they were stored and cannot be shown: {inbox.unreadable.join(', ')}. Run
          "runbook audit verify".
        </p>
      )}
      <Section title="At work" empty="No other incident is open." count={active.length}>
        {active.map((one) => (
          <IncidentItem one={one} now={now} />
        ))}
      </Section>
      {inbox.truncated && <p class="notice">There are more open incidents. "runbook list" lists all of them.</p>}
      {inbox.escalated.length > 0 && (
        <Section title="Failed or escalated in the last 7 days" count={inbox.escalated.length}>
          {inbox.escalated.map((one) => (
            <IncidentItem one={one} now={now} />
          ))}
        </Section>
      )}
      {inbox.undelivered.length > 0 && (
        <Section title="Messages that are not delivered yet" count={inbox.undelivered.length}>
          {inbox.undelivered.map(({ incident, channel, since, attempts }) => (
            <li class="item">
              <IncidentLink id={incident} /> to <Data value={channel} />: first sent <Ago at={since} now={now} />,{' '}
              {plural(attempts, 'attempt')}
            </li>
          ))}
        </Section>
      )}
    </div>
  )
}

function Section(props: { title: string; count: number; empty?: string; children: Child }) {
  return (
    <section>
      <h2>
        {props.title} <span class="count">{props.count}</span>
      </h2>
      {props.count === 0 ? <p>{props.empty}</p> : <ul class="items">{props.children}</ul>}
    </section>
  )
}

function GateItem({ one, now }: { one: WaitingGate; now: number }) {
  const { incident, gate, deciders } = one
  const { proposal } = gate
  const missing = gate.required - approversOf(gate).length
  return (
    <li class="item">
      <IncidentLink id={incident.id}>
        {incident.id} <strong>{proposal.title}</strong>
      </IncidentLink>
      <p class="facts">
        <span>{targetCount(proposal)}</span> <span class={`risk-${proposal.risk}`}>risk: {proposal.risk}</span>{' '}
        <span>{plural(Math.max(0, missing), 'approval')} missing</span>{' '}
        <span>
          expires in <Expiry until={gate.expiresAt} now={now} />
        </span>
      </p>
      <p class="small">
        <Data value={incident.key} /> · {whoElse(deciders.others, deciders.mayNotApprove === null)}
        {deciders.mayNotApprove !== null && ` · you may not approve: ${deciders.mayNotApprove}`}
      </p>
    </li>
  )
}

function OverdueItem({ one: { incident, gate } }: { one: UndecidedGate }) {
  return (
    <li class="item">
      <IncidentLink id={incident.id}>
        {incident.id} <strong>{gate.proposal.title}</strong>
      </IncidentLink>
      <p class="small">
        <Data value={incident.key} /> · <Data value={gate.why ?? gate.state} />
      </p>
    </li>
  )
}

function whoElse(others: string[], mayApprove: boolean): string {
  if (others.length > 0) return `${mayApprove ? 'others who may approve' : 'who may approve'}: ${others.join(', ')}`
  return mayApprove ? 'nobody else in the configuration may approve' : 'nobody in the configuration may approve'
}

function StepItem({ one, now }: { one: IncidentSummary; now: number }) {
  return (
    <li class="item">
      <IncidentLink id={one.id}>
        {one.id} <strong>A step must be done by hand</strong>
      </IncidentLink>
      <p class="facts">
        <span>{plural(one.manualSteps.length, 'step')}</span>{' '}
        <span>
          the remedy stops in <Countdown until={one.manualSteps[0]!.until} now={now} />
        </span>
      </p>
      <p class="small">
        <Data value={one.key} />
      </p>
    </li>
  )
}

function IncidentItem({ one, now }: { one: IncidentSummary; now: number }) {
  return (
    <li class="item">
      <IncidentLink id={one.id}>
        {one.id} <strong>{one.type}</strong>
      </IncidentLink>{' '}
      <span class="state">{one.outcome ?? one.state}</span>
      <p class="small">
        <Data value={one.key} /> · opened <Ago at={one.openedAt} now={now} />
        {one.waitsFor.length > 0 && ` · waits for ${one.waitsFor.map(({ connection }) => connection).join(', ')}`}
        {one.reason !== null && ' · '}
        {one.reason !== null && <Data value={one.reason} />}
      </p>
    </li>
  )
}
