import { formatDuration, humanDuration } from '../../core/duration.ts'
import type { Status } from '../../engine/views/status.ts'
import type { DetectorView } from '../../engine/views/view-types.ts'
import { ConnectionTable } from './connections.tsx'
import { DataTable } from './data-table.tsx'
import { Ago, agoText, Data, IncidentLink, plural, Time } from './words.tsx'

/** Whether remedies are frozen, who froze them and why, and which targets a freeze does not stop. */
export function FreezeState({ status: { freeze, inFlight }, now }: { status: Status; now: number }) {
  return (
    <>
      <h2>Freeze</h2>
      {freeze ? (
        <p class="problem">
          <strong>Remedies are frozen.</strong> <Data value={freeze.person} /> turned the freeze on{' '}
          <Ago at={freeze.at} now={now} />: <Data value={freeze.reason} />
        </p>
      ) : (
        <p>No freeze is on.</p>
      )}
      {inFlight.length > 0 && (
        <DataTable
          caption="Remedies that are being applied now; a freeze does not stop these targets"
          columns={['Incident', 'Target', 'Permit']}
          rows={inFlight.map(({ incident, target, issuedAt }) => [
            <IncidentLink id={incident} />,
            <Data value={target} />,
            <Ago at={issuedAt} now={now} />,
          ])}
          empty=""
        />
      )}
    </>
  )
}

interface TablesProps {
  status: Status
  /** The reason why Temporal does not answer; null if it does. */
  temporal: string | null
  now: number
}

export function StatusTables({ status, temporal, now }: TablesProps) {
  return (
    <>
      <h2>Breakers</h2>
      <DataTable
        caption="Open breakers: no remedy writes to these connections"
        columns={['Breaker', 'Opened by', 'When', 'Reason']}
        rows={status.breakers.map(({ name, person, at, reason }) => [
          <Data value={name} />,
          <Data value={person} />,
          <Ago at={at} now={now} />,
          <Data value={reason} />,
        ])}
        empty="No breaker is open."
      />
      {status.breakers.length > 0 && <p class="small">"runbook breaker close" closes a breaker.</p>}
      <Maintenance status={status} now={now} />
      <h2>Temporal</h2>
      {temporal === null ? (
        <p>Temporal answers.</p>
      ) : (
        <p class="problem">
          Temporal does not answer, so no incident continues: <Data value={temporal} />
        </p>
      )}
      <Workers status={status} />
      <Files status={status} now={now} />
      <Connections status={status} now={now} />
      <Schedules status={status} now={now} />
      <Outbox status={status} />
    </>
  )
}

function Maintenance({ status: { maintenance }, now }: { status: Status; now: number }) {
  const { heldAlerts, heldEpisodes } = maintenance
  const windows = maintenance.maintenance.filter(({ isActive, startsAt }) => isActive || Date.parse(startsAt) > now)
  return (
    <>
      <h2>Maintenance</h2>
      <DataTable
        caption="Maintenance now and next: alerts and detection open no incidents"
        columns={['Covers', 'State', 'Begins', 'Ends', 'By', 'Reason']}
        rows={windows.map(({ runbook, connection, isActive, startsAt, endsAt, person, recurs, reason }) => [
          runbook !== null || connection !== null ? <Data value={runbook ?? connection} /> : 'everything',
          isActive ? 'active' : 'not active',
          <Time at={startsAt} />,
          <Time at={endsAt} />,
          person === null ? `the configuration (${recurs ?? ''})` : <Data value={person} />,
          <Data value={reason} />,
        ])}
        empty="No maintenance is active or planned."
      />
      {heldAlerts + heldEpisodes > 0 && (
        <p class="notice">
          Held back until their maintenance ends: {plural(heldAlerts, 'alert')} and {plural(heldEpisodes, 'runbook')}{' '}
          whose symptom is present.
        </p>
      )}
      <p class="small">"runbook maintenance start" and "runbook maintenance end" change this.</p>
    </>
  )
}

function Workers({ status: { workers, irVersion, otherVersions } }: { status: Status }) {
  return (
    <>
      <h2>Workers</h2>
      {!workers.some(({ runs }) => runs) && (
        <p class="problem">No worker has reported lately: no incident continues until one runs ("runbook worker").</p>
      )}
      <DataTable
        caption="Workers of the last hour"
        columns={['Worker', 'State', 'Last report', 'Version of plans', 'Stood still since its start']}
        rows={workers.map(({ identity, runs, silentMs, irVersion: version, stalls, maxStallMs }) => [
          <Data value={identity} />,
          runs ? 'runs' : 'silent',
          agoText(silentMs),
          String(version),
          stalls === 0 ? 'never' : `${plural(stalls, 'time')}, at most ${humanDuration(maxStallMs)}`,
        ])}
        empty="No worker has reported within the last hour."
      />
      {otherVersions.map(({ version, incidents, seenMs }) => (
        <p class="notice">
          {plural(incidents, 'open incident')} of version {version} of plans; this process has version {irVersion}. A
          worker of version {version} was {seenMs === null ? 'not seen for days' : `last seen ${agoText(seenMs)}`}.
        </p>
      ))}
    </>
  )
}

function Files({ status: { files }, now }: { status: Status; now: number }) {
  return (
    <>
      <h2>Runbooks and configuration</h2>
      <p>
        The process that answers this page loaded them <Ago at={files.loadedAt} now={now} />.
      </p>
      {files.problems.slice(0, 20).map((problem) => (
        <p class="problem">
          It keeps an older version, because of an error: <Data value={problem} />
        </p>
      ))}
      {files.problems.length > 20 && <p class="problem">There are {files.problems.length - 20} more errors.</p>}
      {files.restart.length > 0 && (
        <p class="notice">
          A restart is needed for: <Data value={files.restart.join(', ')} />
        </p>
      )}
    </>
  )
}

function Connections({ status: { connections }, now }: { status: Status; now: number }) {
  return (
    <>
      <h2>Connections</h2>
      <ConnectionTable connections={connections} now={now} />
      <p class="small">This page does not try the connections. The page of a connection and "runbook doctor" do.</p>
    </>
  )
}

const DETECTOR_STATES: Record<DetectorView['state'], string> = {
  sampled: 'sampled',
  paused: 'paused',
  overdue: 'overdue: no sample came for three intervals and a minute',
  'not scheduled': 'not scheduled',
}

function Schedules({ status: { detectors }, now }: { status: Status; now: number }) {
  return (
    <>
      <h2>Schedules</h2>
      <DataTable
        caption="Runbooks whose symptom is sampled"
        columns={['Runbook', 'Every', 'State', 'Last sample', 'Samples', 'Not readable']}
        rows={detectors.map(({ runbook, everyMs, state, paused, last, samples, unreadable }) => [
          <Data value={runbook} />,
          formatDuration(everyMs),
          <>
            {DETECTOR_STATES[state]}
            {paused && (
              <>
                {' '}
                by <Data value={paused.person} />: <Data value={paused.reason} />
              </>
            )}
          </>,
          last === null ? 'none yet' : <Ago at={last.at} now={now} />,
          String(samples),
          String(unreadable),
        ])}
        empty="No runbook is sampled."
      />
    </>
  )
}

function Outbox({ status: { outbox } }: { status: Status }) {
  const waiting = outbox.waiting.map(({ channel, messages, oldestMs, problem }) => [
    <Data value={channel} />,
    'sent again',
    String(messages),
    agoText(oldestMs),
    <Data value={problem} />,
  ])
  const givenUp = outbox.givenUp.map(({ channel, messages, problem }) => [
    <Data value={channel} />,
    'given up in the last 24 hours',
    String(messages),
    '',
    <Data value={problem} />,
  ])
  return (
    <>
      <h2>Messages</h2>
      <DataTable
        caption="Messages that a channel did not accept"
        columns={['Channel', 'State', 'Messages', 'Oldest', 'Problem']}
        rows={[...waiting, ...givenUp]}
        empty="No message failed. Each was accepted or has not been sent yet."
      />
    </>
  )
}
