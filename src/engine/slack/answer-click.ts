import { z } from 'zod'
import { callSlack } from '../../channels/slack-app.ts'
import { answerForm, BUTTONS, cardBlocks, rejectForm, type Button, type GateCard } from '../../channels/slack-blocks.ts'
import { slackText } from '../../channels/slack-webhook.ts'
import { postJson } from '../../channels/post.ts'
import type { SlackApp } from '../../config/channels.ts'
import { Secret } from '../../config/secret.ts'
import { isRunbookError, RunbookError } from '../../core/errors.ts'
import { incidentOfGate } from '../../core/incident.ts'
import type { Person } from '../../core/person.ts'
import { digest } from '../../gate/decision-schema.ts'
import { decideGate } from '../decide-gate.ts'
import type { Engine } from '../engine.ts'
import { acknowledge } from '../incident-actions.ts'
import { requireRoleOverIncident } from '../visible.ts'
import { readCard } from '../messages/card.ts'

/** The person who clicked, and the workspace from which Slack sends the click. */
const sender = {
  user: z.object({ id: z.string(), team_id: z.string().optional() }),
  team: z.object({ id: z.string() }).nullish(),
}
const click = z.object({
  type: z.literal('block_actions'),
  ...sender,
  trigger_id: z.string(),
  response_url: z.string(),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().optional() })).min(1),
})
const submission = z.object({
  type: z.literal('view_submission'),
  ...sender,
  view: z.object({
    callback_id: z.literal('reject'),
    private_metadata: z.string(),
    state: z.object({ values: z.object({ reason: z.object({ reason: z.object({ value: z.string().nullish() }) }) }) }),
  }),
})
const interaction = z.discriminatedUnion('type', [click, submission])

/** What a button is about. Slack sends this text back unchanged. */
const buttonValue = z.strictObject({ gate: z.string().max(100), proposalDigest: digest })

type Click = z.infer<typeof click>
type Target = z.infer<typeof buttonValue>

const SLACK_ORIGIN = 'https://hooks.slack.com'

/**
 * Does what a click in Slack asks for, as the person whom the configuration links to the Slack user, and answers that user with the
 * outcome. Returns only after Slack has accepted the answer: if the process dies before that, the user sees that the click was not
 * answered. `request`: the id of the signed request; a request that is sent again decides nothing. Returns the body of the answer to Slack.
 */
export async function answerClick(engine: Engine, app: SlackApp, payload: unknown, request: string): Promise<object> {
  const read = interaction.safeParse(payload)
  if (!read.success)
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'the payload is neither a click nor a form of this app')
  const sent = read.data
  if (sent.type === 'view_submission') {
    const { private_metadata: value, state } = sent.view
    const comment = state.values.reason.reason.value ?? ''
    const target = targetOf(value)
    const text = await answerOf(engine, app, sent, target, (person) =>
      decideOn(engine, person, target, { decision: 'reject', comment }, request),
    )
    return { response_action: 'update', view: answerForm(text) }
  }
  const { action_id: id, value } = sent.actions[0]!
  const button = BUTTONS.find((one) => one === id)
  // Slack reports a click on a button that only opens a page, too.
  if (button === undefined) return {}
  const target = targetOf(value ?? '')
  const text = await answerOf(engine, app, sent, target, (person) =>
    press(engine, app, person, button, target, sent, request),
  )
  if (text !== '') await answerTo(app, sent.response_url, { response_type: 'ephemeral', text: slackText(text) })
  const card = await readCard(engine, target.gate)
  const isOutdated = card && (!card.isOpen || (button !== 'acknowledge' && card.noButtons !== undefined))
  if (isOutdated) await answerTo(app, sent.response_url, { replace_original: true, ...cardBlocks(card) })
  return {}
}

/** Runs `act` as the person whom the configuration links to the Slack user. A refusal is returned as the answer. */
async function answerOf(
  engine: Engine,
  app: SlackApp,
  { user: { id: slackUser, team_id: home }, team }: Pick<Click, 'user' | 'team'>,
  { gate }: Target,
  act: (person: Person) => Promise<string>,
): Promise<string> {
  // In a channel that two workspaces share, a click of a member of the other workspace arrives through this workspace.
  if (app.team !== undefined && [team?.id, home ?? team?.id].some((one) => one !== app.team))
    return `Nothing was done: the click comes from the Slack workspace ${home ?? team?.id ?? '(not named)'}, and only clicks from ${app.team} are accepted ("slack.team" in runbook.config.yaml).`
  const name = Object.entries(engine.config.people).find(([, { slack }]) => slack === slackUser)?.[0]
  const person = name === undefined ? undefined : engine.people[name]
  if (!person)
    return `Nothing was done: no person in the configuration has the Slack user ${slackUser}. Add "slack: ${slackUser}" to the person under "people" in runbook.config.yaml.`
  try {
    await requireRoleOverIncident(engine, person, incidentOfGate(gate), 'operator')
    return await act(person)
  } catch (error) {
    if (isRunbookError(error) && error.code !== 'RUNBOOK_UNREACHABLE') return `Nothing was done: ${error.message}`
    throw error
  }
}

async function press(
  engine: Engine,
  app: SlackApp,
  person: Person,
  button: Button,
  target: Target,
  { trigger_id }: Click,
  request: string,
): Promise<string> {
  switch (button) {
    case 'acknowledge': {
      const incident = incidentOfGate(target.gate)
      await acknowledge(engine, person, incident)
      return `${incident} is acknowledged.`
    }
    case 'approve':
      return decideOn(engine, person, target, { decision: 'approve' }, request)
    case 'next-cause':
      return decideOn(engine, person, target, { decision: 'reject', nextCause: true }, request)
    case 'reject': {
      const card = await requireButtons(engine, target)
      if (!card.isOpen) return `Nothing was done: ${card.title}`
      await callSlack('slack', app, 'views.open', { trigger_id, view: rejectForm(target.gate, JSON.stringify(target)) })
      return ''
    }
  }
}

async function decideOn(
  engine: Engine,
  person: Person,
  target: Target,
  decision: { decision: 'approve' | 'reject'; nextCause?: true; comment?: string },
  request: string,
): Promise<string> {
  await requireButtons(engine, target)
  const { state, approvals, required } = await decideGate(
    engine,
    person,
    { ...target, ...decision },
    { jti: `slack-${request}` },
  )
  const done = decision.decision === 'approve' ? 'Your approval' : 'Your rejection'
  const still = state === 'open' ? `: ${approvals} of ${required} approvals, it is still open` : `: it is ${state}`
  return `${done} of ${target.gate} is recorded${still}.`
}

/** Throws `RUNBOOK_NOT_ALLOWED` if the gate cannot be decided with a button, even if the message in Slack still shows one. */
async function requireButtons(engine: Engine, { gate }: Target): Promise<GateCard> {
  const card = await readCard(engine, gate)
  if (!card) throw new RunbookError('RUNBOOK_NOT_FOUND', `there is no gate ${gate}, or its proposal cannot be read`)
  if (card.noButtons !== undefined) throw new RunbookError('RUNBOOK_NOT_ALLOWED', card.noButtons)
  return card
}

function targetOf(text: string): Target {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const read = buttonValue.safeParse(value)
  if (!read.success) throw new RunbookError('RUNBOOK_BAD_INPUT', 'the button does not name a gate and its digest')
  return read.data
}

/** Sends the answer to a click. The address is part of the signed request, but it is refused if it is not an address of Slack. */
async function answerTo(app: SlackApp, address: string, body: object): Promise<void> {
  const origin = URL.canParse(address) ? new URL(address).origin : undefined
  if (origin !== SLACK_ORIGIN && origin !== new URL(app.api).origin)
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'response_url is not an address of Slack')
  await postJson('slack', new Secret(address, 'channel slack', address, []), { body: JSON.stringify(body) })
}
