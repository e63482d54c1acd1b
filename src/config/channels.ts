import { DEFAULT_EVENTS, type MessageEvent } from '../core/message.ts'
import type { ConfigFile } from './schema.ts'
import type { Secret } from './secret.ts'

/** Where messages go, and what they are about. */
export type Channel = ChannelAddress & { events: readonly MessageEvent[] }

export type ChannelAddress = SlackWebhook | WebhookChannel | EmailChannel | PagerdutyChannel

export interface SlackWebhook {
  kind: 'slack'
  url: Secret
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

/** A page wakes somebody up, so PagerDuty gets only what needs a person, and the end. */
const PAGING_EVENTS: readonly MessageEvent[] = ['gate', 'escalated', 'failed', 'closed']

/** The schema has checked that exactly one address is there. */
export function assembleChannel(channel: ConfigFile['channels'][string], name: string, secret: Resolve): Channel {
  const address = addressOf(channel, name, secret)
  return { ...address, events: channel.events ?? (address.kind === 'pagerduty' ? PAGING_EVENTS : DEFAULT_EVENTS) }
}

function addressOf(
  { slack, webhook, email, pagerduty }: ConfigFile['channels'][string],
  name: string,
  secret: Resolve,
): ChannelAddress {
  if (slack !== undefined) return { kind: 'slack', url: secret(slack, `channel ${name}`) }
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
export function secretsOf(channel: ChannelAddress): Secret[] {
  switch (channel.kind) {
    case 'slack':
      return [channel.url]
    case 'webhook':
      return [channel.url, channel.secret]
    case 'email':
      return [channel.smtp]
    case 'pagerduty':
      return [channel.key]
  }
}

/** The names that a runbook can notify. */
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
