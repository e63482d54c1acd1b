import { humanDuration } from '../../core/duration.ts'
import type { Policy } from '../../core/policy.ts'
import type { Plan } from '../../core/plan.ts'
import type { LoadedRunbook } from '../../engine/catalogue.ts'
import type { Engine } from '../../engine/engine.ts'
import { listDetectors, reportDetection } from '../../engine/views/detection.ts'
import { graphOf } from '../../engine/views/graph.ts'
import { listIncidents } from '../../engine/views/list.ts'
import { COUNTED_INCIDENTS, runbookStatistics } from '../../engine/views/runbook-statistics.ts'
import { runbookVersions } from '../../engine/views/runbooks.ts'
import type { DetectionReport, DetectorView, RunbookStatistics, RunbookVersion } from '../../engine/views/view-types.ts'
import type { VisiblePlans } from '../../engine/visible.ts'
import type { Problem } from '../problem.ts'
import { DataTable } from './data-table.tsx'
import { Graph } from './graph.tsx'
import type { PageContext } from './page-context.ts'
import { outcomesText, runbookPath } from './runbook-list.tsx'
import { RunbookText } from './runbook-text.tsx'
import { TriggerForm, type GivenInputs } from './trigger-form.tsx'
import { Ago, Data, IncidentLink, Short, Time } from './words.tsx'

const MAX_INCIDENTS = 20
const MAX_VERSIONS = 20
const REPORT_MS = 30 * 86_400_000
const MAX_EPISODES = 20

/** What the history knows about a runbook. */
interface RunbookFacts {
  policy: Policy
  statistics: RunbookStatistics
  incidents: Awaited<ReturnType<typeof listIncidents>>
  versions: RunbookVersion[]
  /** Absent for a runbook without `detect`. */
  detector: DetectorView | undefined
  report: DetectionReport['runbooks'][number] | undefined
}

/** `plans`: of the incidents and versions, only those of these plans; null: all. */
export async function readRunbookFacts(
  engine: Engine,
  { name, incident, detect }: Plan,
  plans: VisiblePlans,
): Promise<RunbookFacts> {
  const { database } = engine
  const detectors = detect ? await listDetectors(engine) : []
  const report = detect ? await reportDetection(engine, { runbook: name, sinceMs: REPORT_MS }) : undefined
  return {
    policy: engine.config.policy,
    statistics: (await runbookStatistics(database, [incident], plans)).get(incident)!,
    incidents: await listIncidents(database, { type: incident, limit: MAX_INCIDENTS, plans }),
    versions: await runbookVersions(engine, name, plans),
    detector: detectors.find(({ runbook }) => runbook === name),
    report: report?.runbooks[0],
  }
}

interface RunbookProps {
  runbook: LoadedRunbook
  facts: RunbookFacts
  page: PageContext
  given: GivenInputs
  problem: Problem | undefined
  request: string
}

export function RunbookPage({ runbook, facts, page, given, problem, request }: RunbookProps) {
  const { plan, planDigest } = runbook
  return (
    <>
      <p>
        <a href="/runbooks">All runbooks</a>
      </p>
      <h1>{plan.name}</h1>
      <p>
        <Short value={plan.title} />
      </p>
      {problem && (
        <p class="problem" role="alert">
          Nothing was opened. {problem.detail}
        </p>
      )}
      <section class="card">
        <h2>Open an incident, or see what would happen</h2>
        <TriggerForm plan={plan} page={page} given={given} request={request} />
      </section>
      <Statistics statistics={facts.statistics} now={page.now} />
      <section class="card">
        <h2>Graph</h2>
        <Graph graph={graphOf(plan)} label={`${plan.name}: checks, causes and what is done about them`} />
      </section>
      <RunbookText plan={plan} policy={facts.policy} />
      <Detection facts={facts} now={page.now} />
      <Incidents facts={facts} now={page.now} />
      <section class="card">
        <h2>Versions</h2>
        <DataTable
          caption="The versions that incidents ran by, and the loaded one"
          columns={['version', 'loaded', 'first used', 'incidents', 'author']}
          rows={facts.versions.slice(0, MAX_VERSIONS).map((version) => [
            <a class="button" href={`${runbookPath(plan.name)}/versions/${version.planDigest}`}>
              {version.planDigest.slice(0, 12)}
            </a>,
            version.loaded ? 'yes' : 'no',
            version.firstUsedAt === null ? 'never' : <Time at={version.firstUsedAt} />,
            version.incidents,
            <Short value={version.authors.join(', ')} />,
          ])}
          empty="No incident ran by this runbook."
        />
        <p>
          <a class="button" href={`${runbookPath(plan.name)}/versions/${planDigest}`}>
            The YAML text
          </a>
        </p>
      </section>
    </>
  )
}

function Statistics({ statistics, now }: { statistics: RunbookStatistics; now: number }) {
  const { incidents, resolvedShare, medianToAcknowledgeMs, medianToResolveMs, lastAt } = statistics
  const duration = (ms: number | null) => (ms === null ? 'not known' : humanDuration(ms))
  return (
    <section class="card">
      <h2>How it did</h2>
      {incidents === 0 ? (
        <p>No incident of this type was opened.</p>
      ) : (
        <dl>
          <dt>Counted</dt>
          <dd>
            the last {incidents} incidents{incidents < COUNTED_INCIDENTS && ', which are all'}
          </dd>
          <dt>Outcomes</dt>
          <dd>{outcomesText(statistics)}</dd>
          <dt>Resolved</dt>
          <dd>
            {resolvedShare === null ? 'none is closed' : `${Math.round(resolvedShare * 100)} % of the closed ones`}
          </dd>
          <dt>Median to acknowledge</dt>
          <dd>{duration(medianToAcknowledgeMs)}</dd>
          <dt>Median to resolve</dt>
          <dd>{duration(medianToResolveMs)}</dd>
          <dt>Last used</dt>
          <dd>{lastAt && <Ago at={lastAt} now={now} />}</dd>
        </dl>
      )}
    </section>
  )
}

function Incidents({ facts, now }: { facts: RunbookFacts; now: number }) {
  return (
    <section class="card">
      <h2>Incidents</h2>
      <DataTable
        caption="The latest incidents"
        columns={['incident', 'opened', 'outcome', 'key']}
        rows={facts.incidents.map(({ id, openedAt, outcome, state, key }) => [
          <IncidentLink id={id} />,
          <Ago at={openedAt} now={now} />,
          outcome ?? state,
          <Short value={key} />,
        ])}
        empty="None."
      />
    </section>
  )
}

function Detection({ facts: { detector, report }, now }: { facts: RunbookFacts; now: number }) {
  if (!detector || !report) return null
  return (
    <section class="card">
      <h2>Detection</h2>
      <p>
        {detector.state}, every {humanDuration(detector.everyMs)}
        {report.shadow && ', in shadow mode: it opens nothing and only records what it would open'}
        {detector.last && (
          <>
            ; last sample <Ago at={detector.last.at} now={now} />: symptom{' '}
            {detector.last.symptom === 'unreadable'
              ? 'could not be read'
              : detector.last.symptom
                ? 'present'
                : 'not present'}
          </>
        )}
      </p>
      {detector.paused && (
        <p class="notice">
          Paused by {detector.paused.person}: <Data value={detector.paused.reason} />
        </p>
      )}
      <DataTable
        caption={`What it ${report.shadow ? 'would have opened' : 'found'} in the last 30 days: ${report.alone} that no alert reported, ${report.withAlert} with an alert`}
        columns={['key', 'first seen', 'state', 'incident']}
        rows={report.episodes
          .slice(0, MAX_EPISODES)
          .map(({ key, firstAt, state, incident }) => [
            <Short value={key} />,
            <Time at={firstAt} />,
            state,
            incident === null ? '' : <IncidentLink id={incident} />,
          ])}
        empty="It found nothing in the last 30 days."
      />
      {report.undetected.length > 0 && (
        <p class="notice">
          Opened by alerts or people, and not detected:{' '}
          {report.undetected.slice(0, MAX_EPISODES).map(({ incident }) => (
            <>
              <IncidentLink id={incident} />{' '}
            </>
          ))}
        </p>
      )}
    </section>
  )
}
