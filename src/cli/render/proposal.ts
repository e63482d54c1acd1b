import { humanDuration } from '../../core/duration.ts'
import { hasNextCause, type Finding } from '../../core/incident.ts'
import { furtherDemands } from '../../core/policy.ts'
import type { Proposal, ProposedAction } from '../../core/proposal.ts'
import type { GateView } from '../../engine/views/view-types.ts'
import type { Colours } from '../terminal.ts'
import { placeOf } from '../../engine/views/action-place.ts'
import { changeOf } from './changes.ts'
import { line, plural, wrap, type Style } from './layout.ts'

const SHORT_DIGEST = 12
/** The maximum length of a value on the one-screen view. The full proposal shows values uncut. */
const MAX_VALUE_COLUMNS = 30
const MAX_OBSTACLES = 3

export interface Page {
  width: number
  colours: Colours
  /** The present time in milliseconds since the epoch. */
  now: number
  /** Whether questions can be asked. */
  interactive: boolean
}

/** An open gate: what will be done to which targets, who must approve, when the gate expires, and the commands to decide. */
export function gateLines(
  incident: { id: string; cannotApprove?: string | null },
  { gate, causes }: { gate: GateView; causes: readonly Finding[] },
  page: Page,
  maxActionLines: number,
): string[] {
  const { width, colours } = page
  const { proposal } = gate
  const isBlocked = typeof incident.cannotApprove === 'string'
  return [
    ...wrap(`Proposal: ${proposal.title}`, width, 2).map(colours.bold),
    ...shortActions(proposal, page, maxActionLines),
    ...wrap(`${riskText(gate)} · ${isBlocked ? 'nobody can approve it' : waitText(gate, page.now)}`, width - 1, 2).map(
      (text) => ` ${text}`,
    ),
    ...policyLines(gate, width),
    line(width, ` gate ${gate.id} · digest ${gate.proposalDigest.slice(0, SHORT_DIGEST)}`, ...approvedBy(gate)),
    ...obstacleLines(gate, page, MAX_OBSTACLES),
    '',
    ...(isBlocked
      ? [line(width, ` cancel:   runbook cancel ${incident.id} --comment "why"`)]
      : commandLines(incident.id, gate, hasNextCause(causes, proposal.cause), page)),
  ]
}

/**
 * Lines that say what keeps the remedy from some targets, and until when. A person should read them before approving.
 */
function obstacleLines({ obstacles }: GateView, { width, colours, now }: Page, max = Infinity): string[] {
  const shown = obstacles.length <= max ? obstacles : obstacles.slice(0, max - 1)
  const lines = shown.flatMap(({ message, endsAt }) => {
    const left = Date.parse(endsAt) - now
    return wrap(`! ${message}${left > 0 ? `, for another ${humanDuration(left)}` : ''}`, width - 1)
  })
  const more = obstacles.length - shown.length
  return [...lines, ...(more > 0 ? [`! … and ${more} more of this kind`] : [])].map((text) =>
    line(width, ' ', [text, colours.yellow]),
  )
}

/** Lines that say what the policy of the configuration demands of the approval in addition to the runbook. */
function policyLines({ proposal, groups }: GateView, width: number): string[] {
  const { policy } = proposal.approval
  const demands = policy && furtherDemands(policy, groups)
  return demands === undefined ? [] : wrap(` ${demands}`, width, 2)
}

function riskText({ proposal }: GateView): string {
  const { targets, affected, risk } = proposal
  const of = affected > targets.length ? ` of ${affected}` : ''
  const runsOnce = targets.length === 1 && targets[0]!.key === '-'
  return `risk ${risk}${runsOnce ? '' : ` · ${targets.length}${of} ${targets.length === 1 && !of ? 'target' : 'targets'}`}`
}

function waitText(gate: GateView, now: number): string {
  if (gate.state !== 'open') return gate.state
  const left = Date.parse(gate.expiresAt) - now
  const who = neededApprovals(gate.required, gate.groups)
  return `${who} · ${left > 0 ? `expires in ${humanDuration(left)}` : 'expired'}`
}

/** The needed approvals as text, such as `needs 2 approvals from oncall or platform-support`. */
export function neededApprovals(count: number, groups: string[]): string {
  return `needs ${plural(count, 'approval')} from ${groups.join(' or ')}`
}

function approvedBy({ decisions, required }: GateView): string[] {
  const people = decisions.filter((one) => !one.withdrawn && one.decision === 'approve').map((one) => one.person)
  return people.length === 0 ? [] : [` · approved by ${people.join(', ')} (${people.length} of ${required})`]
}

/** The commands to copy. Without an interactive terminal they need the digest, because approve cannot ask. */
function commandLines(
  incident: string,
  gate: GateView,
  hasNext: boolean,
  { width, colours, interactive }: Page,
): string[] {
  const digest = interactive ? '' : ` --digest ${gate.proposalDigest.slice(0, SHORT_DIGEST)}`
  return [
    line(width, ' approve:  ', [`runbook approve ${incident}${digest}`, colours.bold]),
    line(width, ` reject:   runbook reject ${incident}${digest} --comment "why"`),
    ...(hasNext ? [line(width, ' or with --next-cause, to try the next cause that holds')] : []),
  ]
}

/** The actions in order. Targets with the same change share a line. */
function shortActions(proposal: Proposal, { width, colours }: Page, maxLines: number): string[] {
  const lines: string[] = []
  for (const [, actions] of groupBy(proposal.actions, (action) => action.id)) {
    const first = actions[0]!
    lines.push(line(width, ' ', [`${first.kind} ${placeOf(first)}`.trimEnd(), colours.cyan]))
    for (const [change, same] of groupBy(actions, (action) => changeOf(action, MAX_VALUE_COLUMNS))) {
      lines.push(...wrap(change, width - 3, 3).map((text) => line(width, '   ', text)))
      const keys = same.map((action) => action.target).filter((key) => key !== '-')
      if (keys.length > 0)
        lines.push(...wrap(`for ${keys.join(', ')}`, width - 3, 2).map((text) => line(width, '   ', text)))
    }
    const warnings = new Set(actions.flatMap((action) => action.preview.warning ?? []))
    for (const warning of warnings) lines.push(line(width, '   ', [`! ${warning}`, colours.yellow]))
  }
  if (lines.length <= maxLines) return lines
  return [
    ...lines.slice(0, maxLines - 1),
    line(width, [`   … more: runbook show ${proposal.incident} --full`, colours.dim]),
  ]
}

/** The whole proposal, uncut, which a person reads before approving. */
export function proposalInFull(gate: GateView, page: Page): string[] {
  const { width, colours, now } = page
  const { proposal } = gate
  return [
    ...wrap(proposal.title, width).map(colours.bold),
    ...indented(`because ${proposal.because} (${proposal.cause})`, 2, width),
    ...indented(`${riskText(gate)} · ${waitText(gate, now)}`, 2, width),
    '',
    ...proposal.actions.flatMap((action, i) => actionInFull(action, i + 1, page)),
    '',
    line(width, `  gate   ${gate.id}`),
    line(width, `  digest ${gate.proposalDigest}`),
    ...obstacleLines(gate, page),
  ]
}

function actionInFull(action: ProposedAction, number: number, { width, colours }: Page): string[] {
  const { preview, target, kind } = action
  const change = changeOf(action)
  const detail = (text: string, style: Style) => indented(text, 5, width).map(style)
  const unstyled = (text: string) => text
  return [
    line(
      width,
      `  ${number}. `,
      [target === '-' ? '' : `${target}  `, colours.bold],
      [`${kind} ${placeOf(action)}`.trimEnd(), colours.cyan],
    ),
    ...detail(preview.summary, unstyled),
    ...(change === preview.summary ? [] : detail(change, unstyled)),
    ...(preview.undo ? detail(`undo: ${preview.undo}`, colours.dim) : []),
    ...(preview.guarantee ? detail(`guarantee: ${preview.guarantee}`, colours.dim) : []),
    ...(preview.warning ? detail(`! ${preview.warning}`, colours.yellow) : []),
  ]
}

function indented(text: string, by: number, width: number): string[] {
  return wrap(text, width - by).map((one) => ' '.repeat(by) + one)
}

/** The targets as text for a question, such as `3 targets (run-7, run-8, run-9)`. */
export function targetsInWords(keys: string[]): string {
  if (keys.length === 1 && keys[0] === '-') return 'it'
  const named = keys.length > 5 ? `${keys.slice(0, 5).join(', ')} and ${keys.length - 5} more` : keys.join(', ')
  return `${plural(keys.length, 'target')} (${named})`
}

function groupBy<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return groups
}
