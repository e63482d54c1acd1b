import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { answerClick } from '../../engine/slack/answer-click.ts'
import { checkSlackSignature } from '../../engine/slack/check-signature.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'

/** Slack shows an error at the button if it has no answer after 3 seconds. */
const ANSWER_WITHIN_MS = 2_700

const interact = createRoute({
  method: 'post',
  path: '/v1/slack/interactivity',
  summary: 'Clicks on the buttons of the Slack app',
  description:
    'Called by Slack, whose signature is checked (`slack.signingSecret` in the configuration). The person is the one whom the configuration links to the Slack user.',
  security: [],
  responses: answers(z.looseObject({}), 'Done or refused; the user in Slack sees which', [401, 404]),
})

/** The route that Slack calls. A click is a decision like any other; nothing is decided by a GET. */
export function slackRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(interact, async (c) => {
    c.header('cache-control', 'no-store')
    const { slack } = engine.config
    if (!slack?.signingSecret.known)
      throw new RunbookError('RUNBOOK_NOT_FOUND', 'no Slack app is configured: add "slack" to runbook.config.yaml')
    const body = await c.req.text()
    let request: string
    try {
      const headers = {
        signature: c.req.header('x-slack-signature'),
        timestamp: c.req.header('x-slack-request-timestamp'),
      }
      request = checkSlackSignature(slack.signingSecret.reveal(), headers, body)
    } catch (error) {
      throw c.get('limitFailures')(error)
    }
    return c.json(await within(ANSWER_WITHIN_MS, answerClick(engine, slack, readPayload(body), request)), 200)
  })
  return app
}

function readPayload(body: string): unknown {
  try {
    return JSON.parse(new URLSearchParams(body).get('payload') ?? '')
  } catch {
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'the body has no field "payload" with JSON')
  }
}

/** The result, or an error that Slack shows to the user. What was started is still finished, and the message shows it. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new RunbookError('RUNBOOK_UNREACHABLE', 'the click could not be answered in time: look at the message'))
    }, ms)
  })
  work.catch(() => {})
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
