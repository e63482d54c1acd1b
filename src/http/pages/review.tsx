import type { Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { defined } from '../../core/defined.ts'
import { RunbookError } from '../../core/errors.ts'
import { HELPED } from '../../core/follow-up.ts'
import type { Engine } from '../../engine/engine.ts'
import { addFollowUp, closeFollowUp, giveFeedback } from '../../engine/follow-ups.ts'
import { addNote } from '../../engine/incident-actions.ts'
import { closeFollowUpRequest, followUpRequest, noteRequest } from '../../engine/requests.ts'
import { reviewJson } from '../../engine/views/review-json.ts'
import { reviewMarkdown } from '../../engine/views/review-markdown.ts'
import { openReview } from '../../engine/views/review.ts'
import { visiblePlans } from '../../engine/visible.ts'
import { newApp, type ApiEnv } from '../app.ts'
import type { Problem } from '../problem.ts'
import type { SendReview } from '../send-review.ts'
import { requireIncidentId } from './incident-id.ts'
import { answerPage } from './layout.tsx'
import { onIncidentPage, readForm } from './on-incident.ts'
import { pageContext } from './page-context.ts'
import { reviewHtml } from './review-export.tsx'
import { readStory, ReviewPage } from './review-page.tsx'
import { incidentPath } from './words.tsx'

/** The page that people read after an incident, the forms with which they add to it, and the whole review as a file. */
export function reviewPageRoutes(engine: Engine, send: SendReview): Hono<ApiEnv> {
  const app = newApp()
  app.get('/incidents/:id/review', (c) => answerReview(c, engine))
  app.get('/incidents/:id/review/export/:format', (c) => {
    const id = requireIncidentId(c)
    const name = (ending: string) => `${id}-review.${ending}`
    switch (c.req.param('format')) {
      case 'markdown':
        return send(c, id, { contentType: 'text/markdown; charset=utf-8', text: reviewMarkdown, name: name('md') })
      case 'json':
        return send(c, id, { contentType: 'application/json', text: reviewJson, name: name('json') })
      case 'html':
        return send(c, id, {
          contentType: 'text/html; charset=utf-8',
          text: (review) => reviewHtml(review, pageContext(engine)),
          name: name('html'),
        })
      default:
        throw new RunbookError('RUNBOOK_NOT_FOUND', 'a review can be exported as markdown, html or json')
    }
  })
  const act = (path: string, work: (c: Context<ApiEnv>, id: string, form: unknown) => Promise<unknown>) =>
    app.post(`/incidents/:id/review/${path}`, (c) =>
      onIncidentPage(
        c,
        engine,
        async () => {
          const id = requireIncidentId(c)
          await work(c, id, withoutEmpty(await c.req.parseBody()))
          return c.redirect(`${incidentPath(id)}/review`, 303)
        },
        (problem) => answerReview(c, engine, problem),
      ),
    )
  act('notes', async (c, id, form) => {
    const { text, about } = readForm(noteForm, form)
    await addNote(engine, c.get('person'), id, text, about)
  })
  act('follow-ups', async (c, id, form) => {
    await addFollowUp(engine, c.get('person'), id, readForm(followUpForm, form))
  })
  act('follow-ups/:number', async (c, id, form) => {
    const { number } = readForm(numberParam, c.req.param())
    const { result } = readForm(closeForm, form)
    await closeFollowUp(engine, c.get('person'), id, { number, result })
  })
  act('feedback', async (c, id, form) => {
    await giveFeedback(engine, c.get('person'), id, defined(readForm(feedbackForm, form)))
  })
  return app
}

/** A browser sends an empty field as an empty text. */
function withoutEmpty(form: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ''))
}

/** The fields of a form without the form token, which every form also has. */
const noteForm = z.object({ text: noteRequest.shape.text, about: z.coerce.number().int().min(1).optional() })
const followUpForm = z.object(followUpRequest.shape)
const closeForm = z.object(closeFollowUpRequest.shape)
const feedbackForm = z.object({ helped: z.enum(HELPED), comment: noteRequest.shape.text.max(2_000).optional() })
const numberParam = z.object({ number: z.coerce.number().int().min(1).max(999_999_999) })

/** The page of the review. `problem` says why the last request of the person changed nothing. */
async function answerReview(c: Context<ApiEnv>, engine: Engine, problem?: Problem): Promise<Response> {
  const id = requireIncidentId(c)
  const after = Number(/^\d{1,9}$/.exec(c.req.query('after') ?? '0')?.[0] ?? 0)
  const review = await openReview(engine.database, id, await visiblePlans(engine, c.get('person')))
  const story = await readStory(review, after)
  const page = pageContext(engine, c.get('session'))
  const children = (
    <>
      {problem && (
        <p class="problem" role="alert">
          Nothing was changed. {problem.detail}
        </p>
      )}
      <ReviewPage review={review} story={story} page={page} />
    </>
  )
  return answerPage(c, { page, title: `Review of ${id}`, children }, (problem?.status ?? 200) as ContentfulStatusCode)
}
