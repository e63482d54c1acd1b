import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import type { Document } from 'yaml'
import { startMonitoring, type Monitoring } from '../support/prometheus.ts'
import { alertmanager, pathOf, prometheus, skipWithout, type Available } from '../support/server-programs.ts'
import { signed, startSlack, type SlackStandIn } from '../support/slack-app.ts'
import { untilAllCompleted } from './maestro-records.ts'
import { show, untilClosed, untilGate } from './operator.ts'
import { summarizeRound } from './round-summary.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

const HOOK_TOKEN = 'the-token-of-the-alertmanager'
const OPERATOR = 'U0OPERATOR'

let programs: Available[]
let slack: SlackStandIn
let world: World
let monitoring: Monitoring | undefined

beforeAll(async () => {
  programs = [await prometheus(), await alertmanager()]
  slack = await startSlack()
  const { token, signingSecret } = slack.app
  world = await openWorld(inject('stack'), {
    configure: connectAlertsAndSlack,
    env: { HOOK_BEARER: HOOK_TOKEN, SLACK_TOKEN: token.reveal(), SLACK_SIGNING: signingSecret.reveal() },
  })
  if (programs.some((one) => 'missing' in one)) return
  const [server, peer] = programs.map(pathOf)
  monitoring = await startMonitoring({
    ...{ prometheus: server!, alertmanager: peer!, peers: 1 },
    ...{ hook: `${world.installation.env.RUNBOOK_URL}/v1/hooks/alertmanager`, token: HOOK_TOKEN },
    metrics: `${world.installation.env.MAESTRO_URL}/metrics`,
    rules: [{ alert: 'MaestroQueueCongested', expr: 'maestro_queue_oldest_waiting_age_seconds > 5' }],
  })
})
afterAll(async () => {
  await monitoring?.stop()
  await world?.close()
  await slack?.close()
})
beforeEach((context) => skipWithout(context, ...programs))

function connectAlertsAndSlack(config: Document): void {
  config.setIn(['hooks'], { alertmanager: { bearer: '${HOOK_BEARER}' } })
  config.setIn(
    ['alerts'],
    [
      {
        match: { alertname: 'MaestroQueueCongested' },
        incident: 'queue-congestion',
        inputs: { oldest: { value: '5s' } },
      },
    ],
  )
  config.setIn(['slack'], { token: '${SLACK_TOKEN}', signingSecret: '${SLACK_SIGNING}', api: slack.app.api })
  config.setIn(['channels', 'oncall'], { slackApp: 'C0ONCALL' })
  config.setIn(['people', 'operator', 'slack'], OPERATOR)
}

/** The only message in the channel that fulfils the condition. */
async function messageThat(description: string, condition: (text: string) => boolean) {
  return until(description, async () => {
    const shown = [...slack.messages.values()]
    expect(shown.length).toBeLessThanOrEqual(1)
    return shown.find(({ text }) => condition(text))
  })
}

async function incidents(): Promise<{ id: string }[]> {
  return JSON.parse((await world.runbook(['list', '-o', 'json'])).out) as { id: string }[]
}

test('a Prometheus rule fires, the button in Slack approves the remedy, it is applied and verified, the alert ends, and the message shows the end', async () => {
  const runs = await world.fault('queue-paused')
  const asked = await messageThat('a message asks for a decision', (text) => text.includes('needs a decision'))
  expect(asked).toMatchObject({ channel: 'C0ONCALL' })
  const id = /INC-\d+/.exec(asked.text)![0]
  expect(await show(world, id)).toMatchObject({
    requester: 'alert:alertmanager',
    alerts: [{ status: 'firing', labels: { alertname: 'MaestroQueueCongested' } }],
  })
  expect(summarizeRound(await untilGate(world, id))).toEqual({
    ...{ holds: ['queue-paused'], remedy: 'resume-queue', targets: ['-'] },
  })

  const { value, confirm } = slack.buttonsOf(asked).approve!
  expect(confirm.text.text).toBe(`${id}.r1 in example: Resume the queue, on 1 target`)
  const click = signed({
    ...{ type: 'block_actions', user: { id: OPERATOR }, trigger_id: '1' },
    response_url: `${slack.server.url}/response/1`,
    actions: [{ action_id: 'approve', value }],
  })
  const answer = await fetch(`${world.installation.env.RUNBOOK_URL}/v1/slack/interactivity`, click)
  expect(answer.status).toBe(200)
  expect(slack.answers).toContainEqual(
    expect.objectContaining({ text: `Your approval of ${id}.r1 is recorded: it is approved.` }),
  )

  expect(await untilClosed(world, id)).toMatchObject({
    outcome: 'resolved',
    rounds: [
      {
        gate: { decisions: [{ person: 'operator', decision: 'approve' }] },
        effects: [{ target: '-', result: 'applied' }],
        verified: true,
      },
    ],
  })
  await untilAllCompleted(world, runs)
  const ended = await until('the end of the alert is recorded', async () => {
    const view = await show(world, id)
    return view.alerts[0]!.status === 'resolved' ? view : undefined
  })
  expect(ended.alerts).toHaveLength(1)
  const last = await messageThat('the message shows the end', (text) => text.includes('closed: resolved'))
  expect(last.text).toContain(`${id}: approved by operator: Resume the queue`)
  expect(slack.buttonsOf(last)).toEqual({})
  expect(await incidents()).toMatchObject([{ id }])
})
