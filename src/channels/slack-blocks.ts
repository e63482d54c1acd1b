import { messageText, type Message } from '../core/message.ts'
import { ALL_TARGETS } from '../core/proposal.ts'
import { cutText } from '../core/storable.ts'
import { slackText } from './slack-webhook.ts'

/** A gate as a message that is updated until the incident ends. */
export interface GateCard {
  gate: string
  proposalDigest: string
  title: string
  lines: string[]
  /** What would be done. It is shown in the question before an approval. */
  remedy: string
  /** The keys of the targets. */
  targets: string[]
  /** The environments in which something would be changed, as far as the configuration names them. */
  environments: string[]
  isOpen: boolean
  /** Whether another cause holds, which a rejection can turn to. */
  hasNextCause: boolean
  /** The reason why the gate cannot be decided with a button. */
  noButtons?: string
  link?: string
}

export const BUTTONS = ['approve', 'reject', 'next-cause', 'acknowledge'] as const

export type Button = (typeof BUTTONS)[number]

type Block = Record<string, unknown>

/** Slack's limits for the text of a section, of a question and of a button, and this program's limit for the text of a notification. */
const MAX_SECTION = 2_900
const MAX_QUESTION = 280
const MAX_NOTIFICATION = 3_000

/** The text of a notification, and the blocks of a message that is not about a gate. */
export function messageBlocks(message: Message): { text: string; blocks: Block[] } {
  return {
    text: escaped(messageText(message), MAX_NOTIFICATION),
    blocks: [...sections([message.title, ...message.lines]), ...linkButton(message.link)],
  }
}

/** The message about a gate. It has no buttons once nobody can decide any more. */
export function cardBlocks(card: GateCard): { text: string; blocks: Block[] } {
  const note = card.isOpen && card.noButtons !== undefined ? [card.noButtons] : []
  return {
    text: escaped(messageText(card), MAX_NOTIFICATION),
    blocks: [
      ...sections([card.title, ...card.lines, ...note]),
      ...(card.isOpen ? buttons(card) : []),
      ...linkButton(card.link),
    ],
  }
}

/** With `verbatim`, Slack does not turn words into links or mentions. */
function sections(lines: string[]): Block[] {
  const text = escaped(lines.join('\n'), MAX_SECTION)
  return [{ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } }]
}

/** Escapes a text for Slack and cuts it to the length, without cutting an escape in two. */
function escaped(text: string, max: number): string {
  for (let length = max; ; length -= 100) {
    const short = slackText(cutText(text, length))
    if (short.length <= max) return short
  }
}

function linkButton(link: string | undefined): Block[] {
  return link === undefined
    ? []
    : [{ type: 'actions', elements: [{ type: 'button', action_id: 'open', text: plain('Open'), url: link }] }]
}

function buttons(card: GateCard): Block[] {
  const value = JSON.stringify({ gate: card.gate, proposalDigest: card.proposalDigest })
  const button = (id: Button, text: string, more: Block = {}) => ({
    type: 'button',
    action_id: id,
    text: plain(text),
    value,
    ...more,
  })
  const acknowledge = button('acknowledge', 'Acknowledge')
  const onTargets = card.targets.length === 1 ? 'on 1 target' : `on ${card.targets.length} targets`
  const question = (title: string, text: string, confirm: string) => ({
    confirm: {
      title: plain(title),
      text: plain(cutText(text, MAX_QUESTION)),
      confirm: plain(confirm),
      deny: plain('Cancel'),
    },
  })
  if (card.noButtons !== undefined) return [{ type: 'actions', elements: [acknowledge] }]
  const where = card.environments.length === 0 ? '' : ` in ${card.environments.join(' and ')}`
  const which = card.targets.includes(ALL_TARGETS) ? '' : `: ${card.targets.join(', ')}`
  const approve = question('Approve?', `${card.gate}${where}: ${card.remedy}, ${onTargets}${which}`, 'Approve')
  const next = question(
    'Reject, next cause?',
    `${card.gate}${where}: reject "${card.remedy}" and treat the next cause`,
    'Reject',
  )
  return [
    {
      type: 'actions',
      elements: [
        button('approve', `Approve ${onTargets}`, { style: 'primary', ...approve }),
        button('reject', 'Reject …', { style: 'danger' }),
        ...(card.hasNextCause ? [button('next-cause', 'Next cause', next)] : []),
        acknowledge,
      ],
    },
  ]
}

/** The form for the reason of a rejection. */
export function rejectForm(gate: string, value: string): Block {
  return {
    type: 'modal',
    callback_id: 'reject',
    private_metadata: value,
    title: plain('Reject'),
    submit: plain('Reject'),
    close: plain('Cancel'),
    blocks: [
      { type: 'section', text: plain(`${gate} is rejected, and its incident ends.`) },
      {
        type: 'input',
        block_id: 'reason',
        label: plain('Reason'),
        element: { type: 'plain_text_input', action_id: 'reason', multiline: true, max_length: 2_000 },
      },
    ],
  }
}

/** The outcome of a form, which replaces the form. */
export function answerForm(text: string): Block {
  return {
    type: 'modal',
    title: plain('Runbook'),
    close: plain('Close'),
    blocks: [{ type: 'section', text: plain(cutText(text, MAX_SECTION)) }],
  }
}

function plain(text: string): Block {
  return { type: 'plain_text', text, emoji: false }
}
