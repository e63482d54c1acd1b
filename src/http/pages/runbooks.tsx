import { randomUUID } from 'node:crypto'
import type { Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { isRunbookError, RunbookError } from '../../core/errors.ts'
import type { LoadedRunbook } from '../../engine/catalogue.ts'
import type { Engine } from '../../engine/engine.ts'
import { previewRunbook, type Preview } from '../../engine/preview.ts'
import { readInputs } from '../../engine/read-inputs.ts'
import { runbookStatistics } from '../../engine/views/runbook-statistics.ts'
import { listRunbooks } from '../../engine/views/runbooks.ts'
import { triggerAs, visibleCatalogue, visibleFiles, visiblePlans } from '../../engine/visible.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { Slots } from '../limits.ts'
import { problemOf, type Problem } from '../problem.ts'
import { answerPage } from './layout.tsx'
import { readForm } from './on-incident.ts'
import { pageContext } from './page-context.ts'
import { PreviewPage } from './preview.tsx'
import { RunbookList } from './runbook-list.tsx'
import { readRunbookFacts, RunbookPage } from './runbook-page.tsx'
import { INPUT, type GivenInputs } from './trigger-form.tsx'
import { answerVersion } from './version.tsx'
import { incidentPath } from './words.tsx'

/** A preview runs the checks of a runbook on the diagnosed systems, so only few run at a time. */
const PREVIEWS = { all: 2, perPerson: 1 }

/** The runbooks: what they do, how they did, what they would do now, and a form that opens an incident. */
export function runbookPageRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  const slots = new Slots('previews', PREVIEWS)
  app.get('/runbooks', async (c) => {
    const page = pageContext(engine, c.get('session'))
    const person = c.get('person')
    const runbooks = listRunbooks({ catalogue: visibleCatalogue(engine, person) })
    const statistics = await runbookStatistics(
      engine.database,
      runbooks.map(({ incident }) => incident),
      await visiblePlans(engine, person),
    )
    const { problems } = visibleFiles(engine, person)
    const children = <RunbookList runbooks={runbooks} statistics={statistics} problems={problems} now={page.now} />
    return answerPage(c, { page, title: 'Runbooks', children })
  })
  app.get('/runbooks/:name', (c) => answerRunbook(c, engine))
  app.get('/runbooks/:name/versions/:digest', (c) => answerVersion(c, engine))
  app.post('/runbooks/:name/trigger', async (c) => {
    const { plan } = loadedRunbook(c, engine)
    const form = readForm(triggerForm, await c.req.parseBody())
    const given = inputsOf(form)
    try {
      const person = c.get('person')
      const accepted = await triggerAs(engine, person, {
        ...{ type: plan.incident, inputs: given },
        idempotencyKey: `${person.name}:page:${form.request}`,
      })
      return c.redirect(incidentPath(accepted.incident), 303)
    } catch (error) {
      if (!isRunbookError(error)) throw error
      return answerRunbook(c, engine, given, problemOf(error))
    }
  })
  app.post('/runbooks/:name/preview', async (c) => {
    const runbook = loadedRunbook(c, engine)
    const given = inputsOf(readForm(triggerForm, await c.req.parseBody()))
    const release = slots.take(c.get('person').name)
    try {
      const preview = await previewOf(engine, runbook, given)
      const page = pageContext(engine, c.get('session'))
      const children = <PreviewPage {...{ runbook, preview, given, page }} request={randomUUID()} />
      return answerPage(c, { page, title: `Preview of ${runbook.plan.name}`, children })
    } catch (error) {
      if (!isRunbookError(error)) throw error
      return answerRunbook(c, engine, given, problemOf(error))
    } finally {
      release()
    }
  })
  return app
}

function previewOf(engine: Engine, { plan, names }: LoadedRunbook, given: GivenInputs): Promise<Preview> {
  return previewRunbook(plan, readInputs(plan.name, plan.inputs, given), engine.targets, engine.config, names)
}

const triggerForm = z.looseObject({ request: z.uuid() })

/** The inputs that were filled in. A field that was left empty is not given, so that the default applies. */
function inputsOf(form: Record<string, unknown>): GivenInputs {
  const filled = Object.entries(form).filter(([name, value]) => name.startsWith(INPUT) && value !== '')
  return Object.fromEntries(filled.map(([name, value]) => [name.slice(INPUT.length), String(value)]))
}

function loadedRunbook(c: Context, { catalogue }: Engine): LoadedRunbook {
  const name = c.req.param('name') ?? ''
  const found = catalogue.byName.get(name)
  if (found) return found
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    `no runbook ${JSON.stringify(name)} is loaded; the page /runbooks lists all of them`,
  )
}

/** The page of a runbook; with `problem`, why the person's request opened nothing. */
async function answerRunbook(
  c: Context<ApiEnv>,
  engine: Engine,
  given: GivenInputs = {},
  problem?: Problem,
): Promise<Response> {
  const runbook = loadedRunbook(c, engine)
  const facts = await readRunbookFacts(engine, runbook.plan, await visiblePlans(engine, c.get('person')))
  const page = pageContext(engine, c.get('session'))
  const children = <RunbookPage {...{ runbook, facts, page, given, problem }} request={randomUUID()} />
  return answerPage(
    c,
    { page, title: `Runbook ${runbook.plan.name}`, children },
    (problem?.status ?? 200) as ContentfulStatusCode,
  )
}
