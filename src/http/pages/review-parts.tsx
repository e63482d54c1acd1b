import { humanDuration } from '../../core/duration.ts'
import { whatRecurs } from '../../engine/views/review-after.ts'
import type { ReviewParts } from '../../engine/views/review.ts'
import type { Review, TimelineEntry } from '../../engine/views/view-types.ts'
import { Graph } from './graph.tsx'
import { DataTable } from './data-table.tsx'
import { ReviewRound } from './review-round.tsx'
import { Data, IncidentLink, Short, Time } from './words.tsx'

/** The parts of a review that the page and the exported file have in common. `linked`: with links to other pages. */

const MAX_ROUNDS = 5
const MAX_DEVIATIONS = 30

export function ReviewSummary({ review, linked }: { review: ReviewParts; linked?: boolean }) {
  const { head, events, acknowledged } = review
  const { incident, timeToAcknowledgeMs, timeToResolveMs, chainFaults } = head
  const rounds = incident.rounds.slice(-MAX_ROUNDS)
  return (
    <>
      <section class="card">
        <h2>Summary</h2>
        {incident.reason !== null && (
          <p>
            <Short value={incident.reason} />
          </p>
        )}
        <dl>
          <dt>Outcome</dt>
          <dd>{incident.outcome ?? `open: ${incident.state}`}</dd>
          <dt>Opened</dt>
          <dd>
            <Time at={incident.openedAt} /> by {incident.requester.replace(/^person:/, '')}
            {incident.occurrences > 1 && `, ${incident.occurrences} times`}
          </dd>
          <dt>Acknowledged</dt>
          <dd>
            {acknowledged
              ? `after ${humanDuration(timeToAcknowledgeMs ?? 0)}: ${acknowledged.person} ${acknowledged.how}`
              : 'by nobody'}
          </dd>
          <dt>Closed</dt>
          <dd>{incident.closedAt === null ? 'not yet' : <Time at={incident.closedAt} />}</dd>
          <dt>Time to resolve</dt>
          <dd>{timeToResolveMs === null ? 'not resolved' : humanDuration(timeToResolveMs)}</dd>
          <dt>Runbook</dt>
          <dd>
            {incident.runbook}, plan <code>{incident.planDigest.slice(0, 12)}</code>
          </dd>
          <dt>Key</dt>
          <dd>
            <Short value={incident.key} />
          </dd>
          <dt>Inputs</dt>
          <dd>
            <Short value={JSON.stringify(incident.inputs)} />
          </dd>
          <dt>History</dt>
          <dd>{events} events</dd>
        </dl>
        {chainFaults.length === 0 ? (
          <p>The chain of events is intact.</p>
        ) : (
          <p class="problem">
            The chain of events is broken: <Short value={chainFaults.join('; ')} />
          </p>
        )}
      </section>
      {incident.rounds.length > rounds.length && (
        <p class="notice">
          Not shown: {incident.rounds.length - rounds.length} earlier rounds. The JSON export has them.
        </p>
      )}
      {rounds.map((round) => (
        <ReviewRound id={incident.id} round={round} isOver={incident.closedAt !== null} linked={linked === true} />
      ))}
      {review.graph && (
        <section class="card">
          <h2>Path</h2>
          <Graph graph={review.graph} label={`${incident.runbook}: checks, causes and what was done about them`} />
        </section>
      )}
      <Deviations deviations={head.deviations} />
    </>
  )
}

function Deviations({ deviations }: { deviations: Review['deviations'] }) {
  const shown = deviations.slice(0, MAX_DEVIATIONS)
  return (
    <section class="card">
      <h2>Deviations</h2>
      <DataTable
        caption="What did not go as the runbook describes it"
        columns={['what', 'when', 'event', 'what happened']}
        rows={shown.map(({ what, at, event, text }) => [what, <Time at={at} />, event, <Short value={text} />])}
        empty="None: nothing was skipped, late, expired, refused or without effect."
      />
      {deviations.length > shown.length && (
        <p class="notice">Not shown: {deviations.length - shown.length} more. An export has them.</p>
      )}
    </section>
  )
}

export function FollowUps({ followUps }: { followUps: Review['followUps'] }) {
  return (
    <DataTable
      caption="What remains to be done, and what was done"
      columns={['number', 'state', 'owner', 'due', 'what', 'result']}
      rows={followUps.map(({ number, closedBy, owner, due, text, result }) => [
        number,
        closedBy === null ? 'open' : `closed by ${closedBy}`,
        <Data value={owner} />,
        due ?? 'no date',
        <Short value={text} />,
        <Short value={result ?? ''} />,
      ])}
      empty="Nobody added a follow-up."
    />
  )
}

export function FeedbackList({ feedback }: { feedback: Review['feedback'] }) {
  if (feedback.length === 0) return <p>Nobody has answered yet.</p>
  return (
    <ul>
      {feedback.map(({ person, helped, comment }) => (
        <li>
          <strong>{person}</strong>: {helped}
          {comment !== null && (
            <>
              : <Short value={comment} />
            </>
          )}
        </li>
      ))}
    </ul>
  )
}

export function Similar({ recurrences, linked }: { recurrences: Review['recurrences']; linked?: boolean }) {
  return (
    <section class="card">
      <h2>Similar incidents</h2>
      <DataTable
        caption="Of the latest incidents of the type, those with the same key, cause or target"
        columns={['incident', 'opened', 'outcome', 'in common']}
        rows={recurrences.map((one) => [
          linked ? <IncidentLink id={one.incident} /> : one.incident,
          <Time at={one.openedAt} />,
          one.outcome ?? 'open',
          <Short value={whatRecurs(one)} />,
        ])}
        empty="None."
      />
    </section>
  )
}

/** An event with the notes about it. The number is written out, so that a note can name it. */
export function StoryEntry({ entry, notes }: { entry: TimelineEntry; notes: Review['notes'] }) {
  const about = notes.filter((note) => note.about === entry.seq)
  return (
    <li value={entry.seq}>
      <Time at={entry.at} /> <Data value={entry.text} />
      {about.map(({ person, at, body }) => (
        <p class="note">
          <strong>{person}</strong> <Time at={at} />: <Data value={body} />
        </p>
      ))}
    </li>
  )
}
