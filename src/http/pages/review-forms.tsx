import { HELPED } from '../../core/follow-up.ts'
import type { FollowUpView } from '../../engine/views/view-types.ts'
import { PostForm } from './layout.tsx'
import type { PageContext } from './page-context.ts'

/** The forms of a review. `path` is the address of the review. */

interface FormProps {
  path: string
  page: PageContext
}

export function NoteForm({ path, page }: FormProps) {
  return (
    <details>
      <summary>Add a note to the timeline</summary>
      <PostForm action={`${path}/notes`} session={page.session!} class="stack">
        <label for="note">Note (everybody who reads the incident sees it; it cannot be removed)</label>
        <textarea id="note" name="text" rows={3} maxlength={10000} required />
        <label for="about">Number of the event that it is about (empty: the whole incident)</label>
        <input id="about" name="about" inputmode="numeric" pattern="[1-9][0-9]*" maxlength={9} autocomplete="off" />
        <button type="submit">Add the note</button>
      </PostForm>
    </details>
  )
}

export function FollowUpForms({ path, page, followUps }: FormProps & { followUps: FollowUpView[] }) {
  return (
    <>
      {followUps
        .filter(({ closedAt }) => closedAt === null)
        .slice(0, MAX_FORMS)
        .map(({ number }) => (
          <details>
            <summary>Close follow-up {number}</summary>
            <PostForm action={`${path}/follow-ups/${number}`} session={page.session!} class="stack">
              <label for={`result-${number}`}>What was done, or why nothing has to be done any more</label>
              <input id={`result-${number}`} name="result" maxlength={2000} autocomplete="off" required />
              <button type="submit">Close follow-up {number}</button>
            </PostForm>
          </details>
        ))}
      <details>
        <summary>Add a follow-up</summary>
        <PostForm action={`${path}/follow-ups`} session={page.session!} class="stack">
          <label for="follow-up">What remains to be done</label>
          <textarea id="follow-up" name="text" rows={2} maxlength={2000} required />
          <label for="owner">Owner (a person or a group)</label>
          <input id="owner" name="owner" maxlength={200} autocomplete="off" required />
          <label for="due">Due (may be empty)</label>
          <input id="due" name="due" type="date" />
          <button type="submit">Add the follow-up</button>
        </PostForm>
      </details>
    </>
  )
}

const MAX_FORMS = 20

const ANSWERS = { yes: 'Yes', partly: 'Partly', no: 'No' } as const

export function FeedbackForm({ path, page }: FormProps) {
  return (
    <details>
      <summary>Answer</summary>
      <PostForm action={`${path}/feedback`} session={page.session!} class="stack">
        <fieldset>
          <legend>Did the runbook find the cause, and did its remedy help?</legend>
          {HELPED.map((helped) => (
            <label class="choice">
              <input type="radio" name="helped" value={helped} required />
              <span>{ANSWERS[helped]}</span>
            </label>
          ))}
        </fieldset>
        <label for="feedback-comment">What was right or wrong (may be empty)</label>
        <textarea id="feedback-comment" name="comment" rows={2} maxlength={2000} />
        <button type="submit">Record my answer</button>
      </PostForm>
    </details>
  )
}
