import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { finishManual } from '../../engine/finish-manual.ts'
import { addNote, claim } from '../../engine/incident-actions.ts'
import { noteRequest } from '../../engine/requests.ts'
import { retryIncident } from '../../engine/retry.ts'
import { undoIncident } from '../../engine/undo.ts'
import { withdrawDecision } from '../../engine/withdraw-decision.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { ANSWER } from './act-forms.tsx'
import { requireIncidentId } from './incident-id.ts'
import { onIncidentPage, readForm } from './on-incident.ts'
import { incidentPath } from './words.tsx'

/** What people do with an incident besides deciding: claim it, add a note, withdraw a decision, report a step that was done by hand. */
export function actRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  const act = (path: string, work: (c: Context<ApiEnv>, id: string) => Promise<unknown>) =>
    app.post(`/incidents/:id/${path}`, (c) =>
      onIncidentPage(c, engine, async () => {
        const id = requireIncidentId(c)
        await work(c, id)
        return c.redirect(incidentPath(id), 303)
      }),
    )
  act('claim', (c, id) => claim(engine, c.get('person'), id))
  /** Leads to the incident that was opened or joined. */
  const follow = (path: string, work: typeof retryIncident) =>
    app.post(`/incidents/:id/${path}`, (c) =>
      onIncidentPage(c, engine, async () => {
        const { incident } = await work(engine, c.get('person'), requireIncidentId(c))
        return c.redirect(incidentPath(incident), 303)
      }),
    )
  follow('retry', retryIncident)
  follow('undo', undoIncident)
  act('notes', async (c, id) => {
    const { text } = readForm(noteForm, await c.req.parseBody())
    await addNote(engine, c.get('person'), id, text)
  })
  act('withdraw', async (c, id) => {
    const { gate } = readForm(withdrawForm, await c.req.parseBody())
    if (!gate.startsWith(`${id}.`))
      throw new RunbookError('RUNBOOK_BAD_INPUT', `${gate} is not a gate of ${id}: reload the incident's page`)
    await withdrawDecision(engine, c.get('person'), { gate })
  })
  act('done', async (c, id) => {
    const { action, target, done, comment, ...fields } = readForm(doneForm, await c.req.parseBody())
    if (done === 'no' && !comment)
      throw new RunbookError('RUNBOOK_BAD_INPUT', 'write why the step was not done, so that others know')
    const answers = Object.entries(fields).filter(([name, value]) => name.startsWith(ANSWER) && value !== '')
    const form = Object.fromEntries(answers.map(([name, value]) => [name.slice(ANSWER.length), String(value)]))
    await finishManual(engine, c.get('person'), id, {
      ...{ action, target, done: done === 'yes' },
      ...(done === 'yes' && Object.keys(form).length > 0 ? { form } : {}),
      ...(comment ? { comment } : {}),
    })
  })
  return app
}

const noteForm = z.object({ text: noteRequest.shape.text })
const withdrawForm = z.object({ gate: z.string().max(100) })
const doneForm = z.looseObject({
  action: z.string().min(1).max(200),
  target: z.string().min(1).max(1_000),
  done: z.enum(['yes', 'no']),
  comment: z.string().trim().max(2_000).optional(),
})
