import type { SlackApp, SlackAppChannel } from '../config/channels.ts'
import { Secret } from '../config/secret.ts'
import type { JsonObject } from '../core/json.ts'
import type { Message } from '../core/message.ts'
import { readStoredObject } from '../core/stored-json.ts'
import { notAccepted, postJson } from './post.ts'
import { cardBlocks, messageBlocks, type GateCard } from './slack-blocks.ts'

/** Errors of Slack's API after which the same call may succeed later. */
const MAY_SUCCEED_LATER = [
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]
/** Errors of an update that no further attempt can avoid: the message was deleted, or Slack does not allow it to be changed. */
const CANNOT_BE_EDITED = [
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'channel_not_found',
  'is_archived',
]

/** The position of a message in Slack. */
interface Posted {
  channel: string
  ts: string
}

/** Posts a message, as a reply to the message about the incident's gate if there is one. Returns the position of the message in Slack. */
export async function postToSlack(
  name: string,
  { app, channel }: SlackAppChannel,
  content: Message | GateCard,
  below?: string,
): Promise<string> {
  const blocks = 'gate' in content ? cardBlocks(content) : messageBlocks(content)
  const thread = below === undefined ? {} : { thread_ts: readPosted(below).ts }
  const quiet = { unfurl_links: false, unfurl_media: false }
  const answer = await callSlack(name, app, 'chat.postMessage', { channel, ...blocks, ...thread, ...quiet })
  return JSON.stringify({ channel: answer.channel, ts: answer.ts })
}

/** Updates the message about a gate. */
export async function editInSlack(name: string, { app }: SlackAppChannel, ref: string, card: GateCard): Promise<void> {
  await callSlack(name, app, 'chat.update', { ...readPosted(ref), ...cardBlocks(card) }, CANNOT_BE_EDITED)
}

function readPosted(ref: string): Posted {
  return JSON.parse(ref) as Posted
}

/**
 * Calls a method of Slack's API, which answers failures with the status 200 too. Throws like `postJson`, except for the errors in
 * `accepted`.
 */
export async function callSlack(
  name: string,
  { token, api }: SlackApp,
  method: string,
  body: object,
  accepted: string[] = [],
): Promise<JsonObject> {
  const headers = { authorization: `Bearer ${token.reveal()}` }
  const address = new Secret(api, `channel ${name}`, api, [])
  const { text } = await postJson(name, address, { path: `/${method}`, headers, body: JSON.stringify(body) })
  const answer = readStoredObject(text)
  const error = answer?.ok === true ? undefined : String(answer?.error ?? 'no JSON')
  if (error === undefined || accepted.includes(error)) return answer ?? {}
  throw notAccepted(name, `answered ${error}`, { refused: !MAY_SUCCEED_LATER.includes(error) })
}
