import { visibleLines } from '../../core/displayable.ts'
import type { ReviewParts } from '../../engine/views/review.ts'
import type { EvidenceView, Review } from '../../engine/views/view-types.ts'
import { STYLES } from './assets.ts'
import type { PageContext } from './page-context.ts'
import { FeedbackList, FollowUps, ReviewSummary, Similar, StoryEntry } from './review-parts.tsx'
import { Code, Data, Time } from './words.tsx'

/** How many characters of one piece of evidence are in the file. */
const MAX_EVIDENCE = 20_000

/** A review as one HTML file, in pieces. The file needs no server, has no script, and can be printed. */
export async function* reviewHtml(review: ReviewParts, page: PageContext): AsyncGenerator<string> {
  const { incident } = review.head
  const notes: Review['notes'] = []
  for await (const note of review.notes) notes.push(note)
  yield `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Review of ${incident.id}</title><style>${STYLES.text}</style></head><body><main>`
  yield text(<Head review={review} page={page} />)
  yield '<section class="card"><h2>Timeline</h2><ol class="story">'
  for await (const entry of review.timeline) yield text(<StoryEntry entry={entry} notes={notes} />)
  yield '</ol>'
  yield text(<Notes notes={notes} />)
  yield '</section><section class="card"><h2>Evidence</h2>'
  for await (const evidence of review.evidence) yield text(<Evidence evidence={evidence} />)
  yield '</section></main></body></html>\n'
}

function text(element: { toString(): string }): string {
  return visibleLines(element.toString())
}

function Head({ review, page }: { review: ReviewParts; page: PageContext }) {
  const { incident, followUps, feedback, recurrences } = review.head
  return (
    <>
      <h1>
        Review of {incident.id} {incident.type}
      </h1>
      <p>
        {page.environment}, exported at <Time at={new Date(page.now).toISOString()} />
      </p>
      <ReviewSummary review={review} />
      <section class="card">
        <h2>Follow-ups</h2>
        <FollowUps followUps={followUps} />
      </section>
      <section class="card">
        <h2>Did the runbook help?</h2>
        <FeedbackList feedback={feedback} />
      </section>
      <Similar recurrences={recurrences} />
    </>
  )
}

function Notes({ notes }: { notes: Review['notes'] }) {
  const general = notes.filter(({ about }) => about === null)
  return (
    <>
      {general.length > 0 && <h3>Notes about the whole incident</h3>}
      {general.map(({ person, at, body }) => (
        <p>
          <strong>{person}</strong> <Time at={at} />: <Data value={body} />
        </p>
      ))}
    </>
  )
}

function Evidence({ evidence }: { evidence: EvidenceView }) {
  const body = JSON.stringify(evidence.body, null, 2)
  return (
    <>
      <h3>
        <Data value={evidence.place} /> <span class="small">{evidence.kind}</span>
      </h3>
      <p class="small">
        {evidence.status} <Time at={evidence.at} />
        {evidence.truncated && ' · the result was truncated when it was read: the system had more'}
      </p>
      <Code text={body.slice(0, MAX_EVIDENCE)} />
      {body.length > MAX_EVIDENCE && (
        <p class="notice">Not shown: {body.length - MAX_EVIDENCE} more characters. The JSON export has them.</p>
      )}
    </>
  )
}
