import stringWidth from 'string-width'
import { CLOSES_WHEN } from '../../core/cancelling.ts'
import { humanDuration } from '../../core/duration.ts'
import type { Outcome } from '../../core/incident.ts'
import { lookedAgain } from '../../core/looked-again.ts'
import { whyNoApproval } from '../../core/proposal.ts'
import type { CheckView, GateView, IncidentView, RoundView, ShownIncident } from '../../engine/views/view-types.ts'
import { ageText, clockText } from './age.ts'
import { line, pad, plural, wrap, type Style } from './layout.ts'
import { manualStepLines } from './manual-steps.ts'
import { gateLines, proposalInFull, type Page } from './proposal.ts'
import { targetCounts, targetLines, whyNotApplied } from './results.ts'

const MAX_ACTION_LINES = 7
const MAX_TARGETS = 6

/** An incident, and whether its runbook is still the same, where that is known. */
type Shown = IncidentView & Partial<Pick<ShownIncident, 'runbookNow' | 'cannotApprove'>>

/** An incident on one screen: its state, causes with evidence, the proposal, and the commands to decide. */
export function showLines(view: Shown, page: Page): string[] {
  const last = view.rounds.at(-1)
  return [
    ...headLines(view, page),
    ...view.rounds.slice(0, -1).flatMap((round) => earlierRound(round, page)),
    ...(last ? roundLines(view, last, page) : []),
  ]
}

/** All rounds of an incident, uncut. */
export function showInFull(view: Shown, page: Page): string[] {
  const lines = [
    ...headLines(view, page),
    ...wrap(`runbook ${view.runbook}, plan ${view.planDigest}`, page.width),
    ...wrap(`inputs ${JSON.stringify(view.inputs)}`, page.width),
  ]
  for (const round of view.rounds) {
    lines.push('', line(page.width, [`Round ${round.round}`, page.colours.bold]))
    for (const check of round.checks) lines.push(...checkInFull(check, page))
    lines.push(...causesInFull(round, page))
    if (!round.gate) continue
    lines.push('', ...proposalInFull(round.gate, page), ...decisionLines(round.gate, page))
    lines.push(...targetLines(round, page, Infinity))
  }
  lines.push(...manualStepLines(view, page))
  return lines
}

function outcomeStyle(outcome: Outcome | null, { colours }: Page): Style {
  if (outcome === null) return (text) => colours.bold(colours.yellow(text))
  const good: Outcome[] = ['resolved', 'cleared', 'no-action', 'handed-off']
  const style = good.includes(outcome)
    ? colours.green
    : outcome === 'failed' || outcome === 'escalated'
      ? colours.red
      : colours.yellow
  return (text) => colours.bold(style(text))
}

function headLines(view: Shown, page: Page): string[] {
  const { width, colours, now } = page
  const state = view.outcome === null ? view.state : `closed: ${view.outcome}`
  const age = ageText((view.closedAt === null ? now : Date.parse(view.closedAt)) - Date.parse(view.openedAt))
  const facts = [
    ...(view.unreadable
      ? [`CANNOT BE READ: ${view.unreadable.join(', ')} (changed after it was stored; run "runbook audit verify")`]
      : []),
    `${view.closedAt === null ? 'open for' : 'took'} ${age}`,
    `opened by ${view.requester.replace(/^person:/, '')}${view.occurrences > 1 ? `, triggered ${view.occurrences} times` : ''}`,
    ...(view.parent ? [`linked to ${view.parent}`] : []),
    ...(view.claimedBy
      ? [`claimed by ${view.claimedBy}`]
      : view.acknowledgedBy
        ? [`acknowledged by ${view.acknowledgedBy}`]
        : []),
  ]
  return [
    line(width, [view.id, colours.bold], `  ${view.type}  `, [state, outcomeStyle(view.outcome, page)]),
    line(width, [`${facts.join(' · ')} · key ${view.key}`, colours.dim]),
    ...followedBy(view).flatMap((text) => wrap(text, width, 3).map(colours.dim)),
    ...(view.cancelling
      ? wrap(`The incident is being cancelled: ${CLOSES_WHEN[view.state]}`, width).map(colours.yellow)
      : []),
    ...view.waitsFor.flatMap((one) => wrap(waitText(one), width, 3).map((text) => colours.yellow(text))),
    ...alertLines(view, page),
    ...view.undelivered.flatMap((one) => wrap(undeliveredText(one), width, 3).map((text) => colours.yellow(text))),
    ...(view.reason ? wrap(view.reason, width, 3) : []),
    ...runbookLines(view).flatMap((text) => wrap(text, width, 3).map(colours.yellow)),
    ...(view.cannotApprove ? wrap(`Nobody can approve this: ${view.cannotApprove}`, width, 3).map(colours.red) : []),
    ...view.controls.flatMap(({ name, person, reason }) => {
      const what = name === 'freeze' ? 'Frozen' : `The breaker of ${name.replace('breaker/', '')} is open`
      return wrap(`${what}: no remedy is applied (${person}: ${reason})`, width, 2).map((text) => colours.red(text))
    }),
  ]
}

const MAX_ALERT_LINES = 3

/** The alerts that opened or joined the incident. Alerts that are firing come first. */
function alertLines({ alerts }: IncidentView, { width, colours }: Page): string[] {
  const inOrder = [
    ...alerts.filter(({ status }) => status === 'firing'),
    ...alerts.filter(({ status }) => status !== 'firing'),
  ]
  const lines = inOrder.slice(0, MAX_ALERT_LINES).map(({ source, labels, fingerprint, status, url, resolvedAt }) => {
    const state = status === 'firing' ? 'fires' : `resolved${resolvedAt === null ? '' : ` at ${clockText(resolvedAt)}`}`
    return `Alert ${labels.alertname ?? fingerprint} (${source}): ${state}${url === null ? '' : ` · ${url}`}`
  })
  const more = alerts.length - lines.length
  return [...lines, ...(more > 0 ? [`and ${more} more alerts`] : [])].map((text) => line(width, [text, colours.dim]))
}

/** The incidents that were opened from this one, such as its undo. */
function followedBy({ children }: IncidentView): string[] {
  const list = children.map(({ id, type, state, outcome }) => `${id} (${type}, ${outcome ?? state})`)
  return list.length === 0 ? [] : [`Followed by ${list.join(', ')}`]
}

/** Whether the runbook has changed since the incident was opened. The incident keeps the plan with which it was opened. */
function runbookLines({ runbookNow, runbook, planDigest, outcome }: Shown): string[] {
  const next = outcome === null ? 'this incident keeps its old version' : '"runbook retry" uses the new version'
  if (runbookNow === 'changed')
    return [`The runbook has changed since: ${next} (runbook versions ${runbook} --diff ${planDigest.slice(0, 12)}).`]
  if (runbookNow !== 'removed') return []
  return [`The runbook ${runbook} is not loaded any more${outcome === null ? `: ${next}` : ''}.`]
}

function undeliveredText({ channel, about, attempts, problem, givenUp }: IncidentView['undelivered'][number]): string {
  const next = givenUp ? 'the message is no longer sent' : 'the message is sent again'
  return `${channel} did not accept the message about ${about}, ${next} (attempt ${attempts}): ${problem}`
}

function waitText({ connection, why, since, until }: IncidentView['waitsFor'][number]): string {
  return `Waits for ${connection}, down since ${clockText(since)}, gives up at ${clockText(until)}: ${why}`
}

/** An earlier round: its cause and remedy, the result for each target, and why targets were refused or are unknown. */
function earlierRound(view: RoundView, { width, colours }: Page): string[] {
  const { round, causes, remedy, gate } = view
  const cause = gate?.proposal.cause ?? causes.find((one) => one.holds === true)?.cause ?? 'no cause'
  const text = `Round ${round}: ${cause}${remedy ? ` → ${remedy}` : ''}, ${endOfRound(view)}`
  return wrap(text, width, 4).map((one) => colours.dim(one))
}

function endOfRound({ gate, verified, unverifiable, targets, effects }: RoundView): string {
  if (gate?.state !== 'approved' && effects.length === 0) return gate?.state ?? 'nothing proposed'
  const verdict =
    verified === null
      ? unverifiable
        ? ['the remedy has no verification']
        : []
      : [verified ? 'verified' : 'did not help']
  const why = whyNotApplied(targets, effects)
  return `${[targetCounts(targets), ...verdict].join(', ')}${why === undefined ? '' : `. ${why}`}`
}

function roundLines(view: IncidentView, round: RoundView, page: Page): string[] {
  const { width, colours } = page
  const number = view.rounds.length > 1 ? `Round ${round.round}, ` : ''
  const { gate } = round
  const lines = ['']
  if (round.checks.length > 0)
    lines.push(
      ...wrap(
        `${number}${plural(round.checks.length, 'check')}: ${round.checks.map(checkText).join(', ')}`,
        width,
        2,
      ).map((text) => colours.dim(text)),
    )
  if (round.looks > 1)
    lines.push(
      line(width, [`the checks ran again ${lookedAgain(round.looks)}; these are the last results`, colours.dim]),
    )
  lines.push(...failedCheckLines(round, page), ...causeLines(round, page))
  if (!gate) return lines
  lines.push('')
  if (gate.state === 'open')
    return [...lines, ...gateLines(view, { gate, causes: round.causes }, page, MAX_ACTION_LINES)]
  return [
    ...lines,
    ...wrap(`Remedy: ${gate.proposal.title}`, width, 2).map(colours.bold),
    ...decisionLines(gate, page),
    ...validityLines(view, round, page),
    ...targetLines(round, page, MAX_TARGETS),
    ...manualStepLines(view, page),
  ]
}

/** A line that says until when an approval is valid while the remedy waits for the end of a freeze, a lease or an outage. */
function validityLines(
  { outcome, manualSteps }: IncidentView,
  { gate, effects }: RoundView,
  { width }: Page,
): string[] {
  if (outcome !== null || effects.length > 0 || manualSteps.length > 0 || !gate?.validUntil) return []
  return [line(width, ` valid until ${clockText(gate.validUntil)}`)]
}

function checkText({ name, status, rows, truncated }: CheckView): string {
  if (status !== 'ok') return `${name} ${status === 'timeout' ? 'timed out' : 'failed'}`
  return rows === null ? name : `${name} ${plural(rows, 'row')}${truncated ? '+' : ''}`
}

/** Lines that say why checks failed. They come first, because causes that read a failed check are undetermined. */
function failedCheckLines({ checks }: RoundView, { width, colours }: Page): string[] {
  return checks
    .filter(({ status, error }) => status === 'failed' && error !== null)
    .flatMap(({ name, error }) =>
      wrap(`${name} failed: ${error}`, width - 3, 3).map((text, i) =>
        line(width, ' ', [i === 0 ? '!' : ' ', colours.yellow], ` ${text}`),
      ),
    )
}

function checkInFull(check: CheckView, { width, colours }: Page): string[] {
  const mark = check.status === 'ok' ? colours.green('✓') : colours.red('✗')
  const why = check.error === null ? '' : `: ${check.error}`
  const text = `${checkText(check)} (${check.kind}, ${humanDuration(check.durationMs)})${why}`
  return wrap(text, width - 4).map((one, i) => (i === 0 ? `  ${mark} ${one}` : `    ${one}`))
}

/** Causes that hold or are undetermined, with their reasons; causes that do not hold by name only. */
function causeLines({ causes }: RoundView, { width, colours }: Page): string[] {
  const relevant = causes.filter((one) => one.holds !== false)
  const ruledOut = causes.filter((one) => one.holds === false).map((one) => one.cause)
  const column = Math.min(30, Math.max(0, ...relevant.map((one) => stringWidth(one.cause))))
  const lines = relevant.flatMap(({ cause, holds, because, title }) => {
    const [mark, style] = holds === true ? ['✓', colours.green] : ['?', colours.yellow]
    const [first = '', ...rest] = wrap(because || title, width - column - 5, 2)
    const indent = ' '.repeat(column + 5)
    return [
      line(width, ' ', [mark!, style as Style], ' ', [pad(cause, column), colours.bold], `  ${first}`),
      ...rest.map((text) => line(width, indent, text)),
    ]
  })
  const names = wrap(ruledOut.join(', '), width - 3, 2).map((text, i) =>
    line(width, ' ', [i === 0 ? '✗' : ' ', colours.red], ' ', [text, colours.dim]),
  )
  return ruledOut.length > 0 ? [...lines, ...names] : lines
}

function causesInFull({ causes }: RoundView, { width, colours }: Page): string[] {
  return causes.flatMap(({ cause, holds, title, because }) => {
    const mark = holds === true ? colours.green('✓') : holds === false ? colours.red('✗') : colours.yellow('?')
    const [first = '', ...rest] = wrap(`${cause}: ${title}: ${because}`, width - 4)
    return [`  ${mark} ${first}`, ...rest.map((text) => `    ${text}`)]
  })
}

/** The decisions on a gate, and how it ended. */
function decisionLines(gate: GateView, { width }: Page): string[] {
  const lines = gate.decisions.map(({ person, decision, targets, comment, at, withdrawn, breakGlass }) => {
    const who = `${decision === 'approve' ? 'approved' : 'rejected'} by ${person} at ${clockText(at)}`
    const what = `${targets ? ` for ${targets.join(', ')}` : ''}${breakGlass === null ? '' : `, BREAK-GLASS: ${breakGlass}`}${withdrawn ? ' (withdrawn)' : ''}`
    return line(width, ` ${who}${what}${comment ? `: ${comment}` : ''}`)
  })
  if (gate.auto) return [...lines, line(width, ` ${whyNoApproval(gate.proposal)}`)]
  const isKnown = gate.state === 'open' || gate.state === 'approved' || gate.state === 'rejected'
  return isKnown ? lines : [...lines, line(width, ` ${gate.state}${gate.why ? `: ${gate.why}` : ''}`)]
}
