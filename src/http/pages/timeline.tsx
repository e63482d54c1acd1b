import type { IncidentForReader } from '../../engine/views/incident-for-reader.ts'
import { cutText } from '../../core/storable.ts'
import { Data, incidentPath, Time } from './words.tsx'

const MAX_TEXT = 300

/** The events of an incident, the latest first. */
export function Timeline({ incident: { view, timeline, earlier } }: { incident: IncidentForReader }) {
  return (
    <section class="card">
      <h2>Timeline</h2>
      <ol class="timeline" reversed start={timeline.at(-1)?.seq ?? 0}>
        {timeline.toReversed().map(({ at, text }) => (
          <li>
            <Time at={at} /> <Data value={text.length > MAX_TEXT ? `${cutText(text, MAX_TEXT)}…` : text} />
          </li>
        ))}
      </ol>
      {earlier > 0 && (
        <p>
          <a href={`${incidentPath(view.id)}?events=all`}>{earlier} earlier events</a>
        </p>
      )}
      <p>
        <a class="button" href={`${incidentPath(view.id)}/review`}>
          Review: everything, to read and to export
        </a>
      </p>
    </section>
  )
}
