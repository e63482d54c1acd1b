import { defined } from '../core/defined.ts'
import { DEFAULT_EVENTS, type MessageEvent } from '../core/message.ts'
import type { ConfigFile } from './schema.ts'
import type { Secret } from './secret.ts'

/** The destinations of messages, and the events that they are about. */
export type Channel = ChannelAddress & { events: readonly MessageEvent[] }

export type ChannelAddress = SlackWebhook | SlackAppChannel | WebhookChannel | EmailChannel | PagerdutyChannel

export interface SlackWebhook {
  kind: 'slack'
  url: Secret
}

/** A Slack channel or user to which a Slack app posts. */
export interface SlackAppChannel {
  kind: 'slackApp'
  channel: string
  app: SlackApp
}

export interface SlackApp {
  token: Secret
  signingSecret: Secret
  api: string
  /** The id of the only workspace whose clicks are accepted. */
  team?: string
}

/** Any HTTP service; deliveries are signed as Standard Webhooks describes it. */
export interface WebhookChannel {
  kind: 'webhook'
  url: Secret
  secret: Secret
}

export interface EmailChannel {
  kind: 'email'
  /** `smtp://` or `smtps://`, with user and password. */
  smtp: Secret
  from: string
  to: string[]
}

export interface PagerdutyChannel {
  kind: 'pagerduty'
  /** The integration key of a service (Events API v2). */
  key: Secret
  url: string
}

interface Channels {
  channels: Record<string, Channel>
  groups: Record<string, { channels: string[] }>
}

type Resolve = (text: string, purpose: string) => Secret

const DEFAULTS: Partial<Record<ChannelAddress['kind'], readonly MessageEvent[]>> = {
  // A message to PagerDuty wakes somebody up, so PagerDuty gets only the events that need a person, and the end of the incident.
  pagerduty: ['gate', 'escalated', 'failed', 'closed'],
  // The message about a gate is updated until the incident ends.
  slackApp: ['gate', 'reminder', 'escalated', 'failed'],
}

export function assembleSlackApp(
  { token, signingSecret, api, team }: NonNullable<ConfigFile['slack']>,
  secret: Resolve,
): SlackApp {
  return {
    token: secret(token, 'bot token of the Slack app'),
    signingSecret: secret(signingSecret, 'signing secret of the Slack app'),
    api,
    ...defined({ team }),
  }
}

/**
 * Returns the address of a channel. The schema has already checked that there is exactly one address, and that the Slack app is configured
 * if it is needed.
 */
export function assembleChannel(
  channel: ConfigFile['channels'][string],
  name: string,
  app: SlackApp | undefined,
  secret: Resolve,
): Channel {
  const address = addressOf(channel, name, app, secret)
  return { ...address, events: channel.events ?? DEFAULTS[address.kind] ?? DEFAULT_EVENTS }
}

function addressOf(
  { slack, slackApp, webhook, email, pagerduty }: ConfigFile['channels'][string],
  name: string,
  app: SlackApp | undefined,
  secret: Resolve,
): ChannelAddress {
  if (slack !== undefined) return { kind: 'slack', url: secret(slack, `channel ${name}`) }
  if (slackApp !== undefined) return { kind: 'slackApp', channel: slackApp, app: app! }
  if (webhook)
    return {
      kind: 'webhook',
      url: secret(webhook.url, `channel ${name}`),
      secret: secret(webhook.secret, `signing secret of channel ${name}`),
    }
  if (email) return { ...email, kind: 'email', smtp: secret(email.smtp, `mail server of channel ${name}`) }
  return { kind: 'pagerduty', url: pagerduty!.url, key: secret(pagerduty!.key, `integration key of channel ${name}`) }
}

/** The secrets without which nothing can be sent to the channel. */
function secretsOf(channel: ChannelAddress): Secret[] {
  switch (channel.kind) {
    case 'slack':
      return [channel.url]
    case 'slackApp':
      return [channel.app.token]
    case 'webhook':
      return [channel.url, channel.secret]
    case 'email':
      return [channel.smtp]
    case 'pagerduty':
      return [channel.key]
  }
}

/** The names of groups and channels that a runbook can notify. */
export function notifiable({ channels, groups }: Channels): string[] {
  return [...new Set([...Object.keys(channels), ...Object.keys(groups)])]
}

/** The channels of a group or of the channel with this name, without those whose secrets are not set. */
export function channelsFor({ channels, groups }: Channels, name: string): string[] {
  const named = Object.hasOwn(groups, name) ? groups[name]!.channels : [name]
  return named.filter(
    (one) => Object.hasOwn(channels, one) && secretsOf(channels[one]!).every((secret) => secret.known),
  )
}

/** Why a message to this group or channel reaches nobody, as text for people; undefined if there is a channel with its secrets. */
export function whyUnreachable(config: Channels, name: string): string | undefined {
  if (channelsFor(config, name).length > 0) return undefined
  const named = Object.hasOwn(config.groups, name) ? config.groups[name]!.channels : [name]
  const missing = named.flatMap((one) => (Object.hasOwn(config.channels, one) ? unset(config.channels[one]!) : []))
  return missing.length === 0 ? NO_CHANNEL : addressNotSet(missing)
}

export const NO_CHANNEL = 'no channel is configured'

/** Why nothing can be sent to this channel; undefined if its secrets are set. */
export function whyNoAddress(channel: Channel): string | undefined {
  const missing = unset(channel)
  return missing.length === 0 ? undefined : addressNotSet(missing)
}

function unset(channel: Channel): string[] {
  return secretsOf(channel).flatMap(({ known, variable, purpose }) => (known ? [] : [variable ?? purpose]))
}

function addressNotSet(missing: string[]): string {
  return `the address of its channel is not set (${missing.join(', ')})`
}
