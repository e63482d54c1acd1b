import type { GateView, IncidentView } from '../../engine/views/view-types.ts'
import { PostForm } from './layout.tsx'
import { mayAct, type PageContext } from './page-context.ts'
import { Countdown, Data, incidentPath } from './words.tsx'

/**
 * The names of the form fields that hold the answers to a manual step's questions begin with this prefix, so that they differ from the
 * other fields.
 */
export const ANSWER = 'answer.'

/** The forms to claim the incident and to add a note. */
export function ActForms({ view, page }: { view: IncidentView; page: PageContext }) {
  const { person } = page.session!
  if (!mayAct(page)) return null
  const path = incidentPath(view.id)
  return (
    <details class="card">
      <summary>Add a note{view.closedAt === null && view.claimedBy !== person.name && ', or claim it'}</summary>
      {view.closedAt === null && view.claimedBy !== person.name && (
        <PostForm action={`${path}/claim`} session={page.session!}>
          <button type="submit">
            Claim: I am responsible{view.claimedBy !== null && ` instead of ${view.claimedBy}`}
          </button>
        </PostForm>
      )}
      <PostForm action={`${path}/notes`} session={page.session!} class="stack">
        <label for="note">Note (everybody who reads the incident sees it; it cannot be removed)</label>
        <textarea id="note" name="text" rows={3} maxlength={10000} required />
        <button type="submit">Add the note</button>
      </PostForm>
    </details>
  )
}

/** What can be done after an incident: run its runbook again, or propose to undo what it changed. Each opens a new incident. */
export function AfterForms({ view, page }: { view: IncidentView; page: PageContext }) {
  if (view.closedAt === null || !mayAct(page)) return null
  const isApplied = view.rounds.some(({ effects }) => effects.some(({ result }) => result === 'applied'))
  return (
    <details class="card">
      <summary>Look again{isApplied && ', or undo'}</summary>
      <PostForm action={`${incidentPath(view.id)}/retry`} session={page.session!}>
        <button type="submit">Look again: open a new incident with the same inputs</button>
      </PostForm>
      {isApplied && (
        <PostForm action={`${incidentPath(view.id)}/undo`} session={page.session!}>
          <button type="submit">Propose to undo the effects, in a new incident</button>
        </PostForm>
      )}
    </details>
  )
}

/** The button with which a person withdraws their own decision. */
export function WithdrawForm({ id, gate, page }: { id: string; gate: GateView; page: PageContext }) {
  const { person } = page.session!
  const isMine = gate.decisions.some((one) => one.person === person.name && !one.withdrawn)
  if (!isMine || !mayAct(page) || (gate.state !== 'open' && gate.state !== 'approved')) return null
  return (
    <PostForm action={`${incidentPath(id)}/withdraw`} session={page.session!}>
      <input type="hidden" name="gate" value={gate.id} />
      <button type="submit">Withdraw my decision (possible until the remedy begins)</button>
    </PostForm>
  )
}

type Step = IncidentView['manualSteps'][number]

/** A manual step that waits for a person: its instructions, and the form that reports whether it was done. */
export function StepCard({ id, step, page }: { id: string; step: Step; page: PageContext }) {
  const name = `${step.action}/${step.target}`
  return (
    <section class="card">
      <h2>
        To be done by hand
        {step.target !== '-' && (
          <>
            {' '}
            for <Data value={step.target} />
          </>
        )}
      </h2>
      <p>
        <Data value={step.instructions} />
      </p>
      <p>
        The remedy stops in <Countdown until={step.until} now={page.now} />.
      </p>
      {mayAct(page) && (
        <PostForm action={`${incidentPath(id)}/done`} session={page.session!} class="stack">
          <input type="hidden" name="action" value={step.action} />
          <input type="hidden" name="target" value={step.target} />
          {Object.entries(step.form).map(([field, question]) => (
            <>
              <label for={`${name}/${field}`}>
                <Data value={question} />
              </label>
              <input id={`${name}/${field}`} name={ANSWER + field} maxlength={2000} autocomplete="off" />
            </>
          ))}
          <label for={`${name}//comment`}>Comment (required if it was not done)</label>
          <input id={`${name}//comment`} name="comment" maxlength={2000} autocomplete="off" />
          <button type="submit" name="done" value="yes" class="main">
            It is done
          </button>
          <button type="submit" name="done" value="no">
            It was not done, and will not be
          </button>
        </PostForm>
      )}
    </section>
  )
}
