import { cutText } from '../../core/storable.ts'
import type { ReviewParts } from '../../engine/views/review.ts'
import type { Review, TimelineEntry } from '../../engine/views/view-types.ts'
import { mayAct, type PageContext } from './page-context.ts'
import { FeedbackForm, FollowUpForms, NoteForm } from './review-forms.tsx'
import { FeedbackList, FollowUps, ReviewSummary, Similar, StoryEntry } from './review-parts.tsx'
import { Data, IncidentLink, incidentPath, plural, Time } from './words.tsx'

/** How many events and notes are on one page, and to how many characters each is cut. */
const MAX_EVENTS = 60
const MAX_NOTES = 30
const MAX_TEXT = 300

/** The events on one page, and the notes. */
export interface Story {
  entries: TimelineEntry[]
  notes: Review['notes']
  /** The number of events and notes that are not shown. */
  earlier: number
  later: number
  moreNotes: number
}

/** Reads the events after number `after`, and the latest notes. */
export async function readStory({ timeline, notes, events }: ReviewParts, after: number): Promise<Story> {
  const entries: TimelineEntry[] = []
  for await (const entry of timeline) {
    if (entry.seq <= after) continue
    if (entries.length === MAX_EVENTS) break
    entries.push({ ...entry, text: short(entry.text) })
  }
  const last: Review['notes'] = []
  let count = 0
  for await (const note of notes) {
    count += 1
    last.push({ ...note, body: short(note.body) })
    if (last.length > MAX_NOTES) last.shift()
  }
  const earlier = entries.length === 0 ? Math.min(after, events) : entries[0]!.seq - 1
  const later = entries.length === 0 ? 0 : events - entries.at(-1)!.seq
  return { entries, notes: last, earlier, later, moreNotes: count - last.length }
}

function short(text: string): string {
  return text.length > MAX_TEXT ? `${cutText(text, MAX_TEXT)}…` : text
}

/** The page that people read after an incident. It needs only the engine's database. */
export function ReviewPage({ review, story, page }: { review: ReviewParts; story: Story; page: PageContext }) {
  const { incident, followUps, feedback, recurrences } = review.head
  const path = `${incidentPath(incident.id)}/review`
  const mayWrite = mayAct(page)
  return (
    <>
      <p>
        <IncidentLink id={incident.id}>Back to {incident.id}</IncidentLink>
      </p>
      <h1>
        Review of {incident.id} {incident.type}
      </h1>
      <ReviewSummary review={review} linked />
      <p class="buttons">
        {Object.entries({ markdown: 'Markdown', html: 'HTML', json: 'JSON' }).map(([format, name]) => (
          <a class="button" href={`${path}/export/${format}`} download>
            Export as {name}
          </a>
        ))}
      </p>
      <section class="card">
        <h2 id="follow-ups">Follow-ups</h2>
        <FollowUps followUps={followUps} />
        {mayWrite && <FollowUpForms path={path} followUps={followUps} page={page} />}
      </section>
      <section class="card">
        <h2>Did the runbook help?</h2>
        <FeedbackList feedback={feedback} />
        {mayWrite && <FeedbackForm path={path} page={page} />}
      </section>
      <Similar recurrences={recurrences} linked />
      <section class="card">
        <h2 id="timeline">Timeline</h2>
        <Pages path={path} story={story} />
        <ol class="story">
          {story.entries.map((entry) => (
            <StoryEntry entry={entry} notes={story.notes} />
          ))}
        </ol>
        <GeneralNotes story={story} />
        {mayWrite && <NoteForm path={path} page={page} />}
      </section>
    </>
  )
}

function Pages({ path, story: { entries, earlier, later } }: { path: string; story: Story }) {
  if (earlier === 0 && later === 0) return null
  return (
    <p>
      {earlier > 0 && (
        <a class="button" href={`${path}?after=${Math.max(0, earlier - MAX_EVENTS)}#timeline`}>
          {plural(earlier, 'earlier event')}
        </a>
      )}{' '}
      {later > 0 && (
        <a class="button" href={`${path}?after=${entries.at(-1)!.seq}#timeline`}>
          {plural(later, 'later event')}
        </a>
      )}
    </p>
  )
}

function GeneralNotes({ story: { notes, moreNotes } }: { story: Story }) {
  const general = notes.filter(({ about }) => about === null)
  return (
    <>
      {general.length > 0 && <h3>Notes about the whole incident</h3>}
      <ul>
        {general.map(({ person, at, body }) => (
          <li>
            <strong>{person}</strong> <Time at={at} />: <Data value={body} />
          </li>
        ))}
      </ul>
      {moreNotes > 0 && (
        <p class="notice">Not shown: {plural(moreNotes, 'earlier note')}. An export has all of them.</p>
      )}
    </>
  )
}
