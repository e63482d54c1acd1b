import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { answerClick } from '../../engine/slack/answer-click.ts'
import { checkSlackSignature } from '../../engine/slack/check-signature.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'

/** The time after which the route must have answered: Slack shows an error at the button if it has no answer after 3 seconds. */
const ANSWER_WITHIN_MS = 2_700

const interact = createRoute({
  method: 'post',
  path: '/v1/slack/interactivity',
  summary: 'Clicks on the buttons of the Slack app',
  description:
    'Called by Slack, whose signature is checked (`slack.signingSecret` in the configuration). The person is the one whom the configuration links to the Slack user.',
  security: [],
  responses: answers(z.looseObject({}), 'The click was done or refused; the user sees the result in Slack', [401, 404]),
})

/** The route that Slack calls. A click is a decision like any other. A GET never decides anything. */
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

/**
 * Returns the result, or an error that Slack shows to the user after the time limit. After the limit the work still continues, and the
 * message in Slack shows its result.
 */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new RunbookError('RUNBOOK_UNREACHABLE', 'the click was not answered in time: the message will show its result'),
      )
    }, ms)
  })
  work.catch(() => {})
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
