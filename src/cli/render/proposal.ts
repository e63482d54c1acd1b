import { humanDuration } from '../../core/duration.ts'
import type { Proposal, ProposedAction } from '../../core/proposal.ts'
import type { GateView } from '../../engine/views/view-types.ts'
import type { Colours } from '../terminal.ts'
import { changeOf, placeOf } from './changes.ts'
import { line, plural, wrap, type Style } from './layout.ts'

const SHORT_DIGEST = 12
/** Of values on one screen; the whole proposal cuts nothing. */
const LONGEST_VALUE = 30

export interface Page {
  width: number
  colours: Colours
  /** Milliseconds since the epoch. */
  now: number
  /** A person sits before it, who can be asked. */
  interactive: boolean
}

/** An open gate on a screen: what will run on which targets, who may decide until when, and how. */
export function gateLines(incident: string, gate: GateView, page: Page, mostActionLines: number): string[] {
  const { width, colours } = page
  const { proposal } = gate
  return [
    ...wrap(`Proposal: ${proposal.title}`, width, 2).map(colours.bold),
    ...shortActions(proposal, page, mostActionLines),
    line(width, ` ${riskText(gate)} · ${waitText(gate, page.now)}`),
    line(width, ` gate ${gate.id} · digest ${gate.proposalDigest.slice(0, SHORT_DIGEST)}`, ...decidedSoFar(gate)),
    '',
    ...commandLines(incident, gate, page),
  ]
}

function riskText({ proposal }: GateView): string {
  const { targets, affected, risk } = proposal
  const of = affected > targets.length ? ` of ${affected}` : ''
  const whole = targets.length === 1 && targets[0]!.key === '-'
  return `risk ${risk}${whole ? '' : ` · ${targets.length}${of} ${targets.length === 1 && !of ? 'target' : 'targets'}`}`
}

function waitText(gate: GateView, now: number): string {
  if (gate.state !== 'open') return gate.state
  const left = Date.parse(gate.expiresAt) - now
  const who = `${gate.required} of ${gate.groups.join(', ')} must approve`
  return `${who} · ${left > 0 ? `expires in ${humanDuration(left)}` : 'expired'}`
}

function decidedSoFar({ decisions, required }: GateView): string[] {
  const people = decisions.filter((one) => !one.withdrawn && one.decision === 'approve').map((one) => one.person)
  return people.length === 0 ? [] : [` · approved by ${people.join(', ')} (${people.length} of ${required})`]
}

/** The exact commands. Without a terminal the digest must be said; with one it is shown and asked for. */
function commandLines(incident: string, gate: GateView, { width, colours, interactive }: Page): string[] {
  const digest = interactive ? '' : ` --digest ${gate.proposalDigest.slice(0, SHORT_DIGEST)}`
  return [
    line(width, ' approve:  ', [`runbook approve ${incident}${digest}`, colours.bold]),
    line(width, ` reject:   runbook reject ${incident}${digest} --comment "why"`),
  ]
}

/** Actions by their place in the remedy; targets to which the same would happen share a line. */
function shortActions(proposal: Proposal, { width, colours }: Page, most: number): string[] {
  const lines: string[] = []
  for (const [, actions] of groupBy(proposal.actions, (action) => action.id)) {
    const first = actions[0]!
    lines.push(line(width, ' ', [`${first.kind} ${placeOf(first)}`.trimEnd(), colours.cyan]))
    for (const [change, same] of groupBy(actions, (action) => changeOf(action, LONGEST_VALUE))) {
      lines.push(...wrap(change, width - 3, 3).map((text) => line(width, '   ', text)))
      const keys = same.map((action) => action.target).filter((key) => key !== '-')
      if (keys.length > 0)
        lines.push(...wrap(`for ${keys.join(', ')}`, width - 3, 2).map((text) => line(width, '   ', text)))
    }
    const warnings = new Set(actions.flatMap((action) => action.preview.warning ?? []))
    for (const warning of warnings) lines.push(line(width, '   ', [`! ${warning}`, colours.yellow]))
  }
  if (lines.length <= most) return lines
  return [
    ...lines.slice(0, most - 1),
    line(width, [`   … all of it: runbook show ${proposal.incident} --full`, colours.dim]),
  ]
}

/** The whole proposal, nothing cut: what a person reads before saying yes. */
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
  ]
}

function actionInFull(action: ProposedAction, number: number, { width, colours }: Page): string[] {
  const { preview, target, kind } = action
  const change = changeOf(action)
  const detail = (text: string, style: Style) => indented(text, 5, width).map(style)
  const untouched = (text: string) => text
  return [
    line(
      width,
      `  ${number}. `,
      [target === '-' ? '' : `${target}  `, colours.bold],
      [`${kind} ${placeOf(action)}`.trimEnd(), colours.cyan],
    ),
    ...detail(preview.summary, untouched),
    ...(change === preview.summary ? [] : detail(change, untouched)),
    ...(preview.undo ? detail(`undo: ${preview.undo}`, colours.dim) : []),
    ...(preview.guarantee ? detail(`done ${preview.guarantee}`, colours.dim) : []),
    ...(preview.warning ? detail(`! ${preview.warning}`, colours.yellow) : []),
  ]
}

function indented(text: string, by: number, width: number): string[] {
  return wrap(text, width - by).map((one) => ' '.repeat(by) + one)
}

/** What the question asks about: `3 targets (run-7, run-8, run-9)`. */
export function targetsInWords(keys: string[]): string {
  if (keys.length === 1 && keys[0] === '-') return 'this'
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
