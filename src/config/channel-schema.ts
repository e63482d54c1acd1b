import { z } from 'zod'
import { MESSAGE_EVENTS } from '../core/message.ts'
import { address, names, reference } from './field-types.ts'
import { plain } from './plain.ts'

const webhook = z.strictObject({
  url: reference.describe('The address that messages are posted to, as a reference.'),
  secret: reference.describe(
    'The secret with which each message is signed, as standardwebhooks.com describes it: `whsec_…`.',
  ),
})

const email = z.strictObject({
  smtp: reference.describe(
    'The mail server, as a reference to an address such as `smtps://user:password@mail.example.com:465`.',
  ),
  from: plain.describe('The sender.'),
  to: z.array(plain).min(1).describe('The recipients.'),
})

const pagerduty = z.strictObject({
  key: reference.describe('The integration key of the service (Events API v2), as a reference.'),
  url: address
    .refine((text) => URL.canParse(text), 'write an https:// address')
    .default('https://events.pagerduty.com')
    .describe('The address of the Events API; `https://events.eu.pagerduty.com` for accounts in the EU.'),
})

const ADDRESSES = ['slack', 'slackApp', 'webhook', 'email', 'pagerduty'] as const

const channel = z
  .strictObject({
    slack: reference.optional().describe('The address of an incoming webhook of Slack, as a reference.'),
    slackApp: plain
      .regex(/^(?:C|D|G|U|W)[A-Z0-9]{2,30}$/, 'write the id of the Slack channel or user, such as C0123ABCD')
      .optional()
      .describe(
        'The id of a Slack channel, or of a user for direct messages. The app of the section `slack` posts there, with buttons, and updates its messages.',
      ),
    webhook: webhook.optional().describe('An HTTP service of your own. Each message is JSON and signed.'),
    email: email.optional().describe('E-mail.'),
    pagerduty: pagerduty
      .optional()
      .describe('A service of PagerDuty. Each incident is one alert there; its end resolves the alert.'),
    events: z
      .array(z.enum(MESSAGE_EVENTS))
      .min(1)
      .optional()
      .describe(
        'What the channel gets messages about: `opened`, `gate` (a proposal waits for a decision), `reminder`, `decided`, `applied`, `verified`, `escalated`, `failed`, `closed`. Default: all but `opened` and `applied`; for `slackApp`: `gate`, `reminder`, `escalated` and `failed`, because its messages are updated; for PagerDuty: `gate`, `escalated`, `failed` and `closed`. `decided`, `applied`, `verified` and `closed` go to channels that have had a message about the incident before.',
      ),
  })
  .refine(
    (value) => ADDRESSES.filter((kind) => value[kind] !== undefined).length === 1,
    `name exactly one of ${ADDRESSES.join(', ')}`,
  )

export const channels = z
  .record(names, channel)
  .default({})
  .describe('The destinations of messages, by the names that `groups`, `escalate.to` and `notify` use.')

/** The Slack app that posts messages with buttons. */
export const slack = z
  .strictObject({
    token: reference.describe("The app's bot token, as a reference. Its scope is `chat:write`."),
    signingSecret: reference.describe(
      "The app's signing secret, as a reference. It proves that clicks, which arrive at `/v1/slack/interactivity`, come from Slack.",
    ),
    api: address
      .refine((text) => URL.canParse(text), 'write an https:// address')
      .default('https://slack.com/api')
      .describe("The address of Slack's API."),
    team: plain
      .regex(/^T[A-Z0-9]{2,30}$/, 'write the id of the Slack workspace, such as T0123ABCD')
      .optional()
      .describe(
        'The id of the workspace. Clicks of members of other workspaces, for example in a shared channel, are refused. Default: the workspace is not compared.',
      ),
  })
  .optional()
  .describe(
    'The Slack app whose messages have buttons. People click as themselves: `people.<name>.slack` links them to their Slack user.',
  )

export const groups = z
  .record(names, z.strictObject({ channels: z.array(plain).describe('The names of the channels of this group.') }))
  .default({})
  .describe(
    'The channels of each group that `approval.by` or `escalate.to` of a runbook names. A group that is not listed here has the channel of the same name.',
  )
