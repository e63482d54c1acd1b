import { visibleLines } from '../../core/displayable.ts'
import { humanDuration } from '../../core/duration.ts'
import { lookedAgain } from '../../core/looked-again.ts'
import { whyNoApproval, type ProposedAction } from '../../core/proposal.ts'
import { answersText } from './answers.ts'
import { code, fenceFor, html, inline } from './markdown-text.ts'
import { afterLines } from './review-after.ts'
import type { ReviewParts } from './review.ts'
import type { EvidenceView, GateView, RoundView } from './view-types.ts'

const MAX_EVIDENCE_CHARACTERS = 4_000

/** The review as Markdown, in pieces, for people and for pull requests. */
export async function* reviewMarkdown(review: ReviewParts): AsyncGenerator<string> {
  yield* headLines(review).map(endLine)
  yield* ['## Timeline', ''].map(endLine)
  for await (const entry of review.timeline)
    yield endLine(`- \`${entry.at.slice(11, 23)}\` ${entry.seq}. ${inline(entry.text)}`)
  yield endLine('')
  let notes = 0
  for await (const note of review.notes) {
    if ((notes += 1) === 1) yield* ['## Notes', ''].map(endLine)
    yield endLine(
      `- ${note.at} ${inline(note.person)}${note.about === null ? '' : `, about event ${note.about}`}: ${inline(note.body)}`,
    )
  }
  if (notes > 0) yield endLine('')
  yield endLine('## Evidence')
  for await (const evidence of review.evidence) yield* ['', ...evidenceLines(evidence)].map(endLine)
}

function endLine(text: string): string {
  return `${text}\n`
}

function headLines({ head, events, acknowledged }: ReviewParts): string[] {
  const { incident } = head
  return [
    `# ${incident.id}: ${inline(incident.type)}, ${incident.outcome ?? incident.state}`,
    '',
    ...(incident.reason ? [`${inline(capital(incident.reason))}.`, ''] : []),
    '| | |',
    '| --- | --- |',
    `| Runbook | ${inline(incident.runbook)}, plan \`${incident.planDigest.slice(0, 12)}\` |`,
    `| Key | ${inline(incident.key)} |`,
    `| Inputs | ${inline(JSON.stringify(incident.inputs))} |`,
    `| Opened | ${incident.openedAt} by ${inline(incident.requester.replace(/^person:/, ''))}${incident.occurrences > 1 ? `, ${incident.occurrences} times` : ''} |`,
    `| Acknowledged | ${acknowledged ? `${acknowledged.at}, after ${human(head.timeToAcknowledgeMs)}: ${inline(acknowledged.person)} ${acknowledged.how}` : 'no'} |`,
    `| Closed | ${incident.closedAt ?? 'not yet'} |`,
    `| Time to resolve | ${head.timeToResolveMs === null ? 'not resolved' : human(head.timeToResolveMs)} |`,
    `| History | ${head.chainFaults.length === 0 ? `${events} events, the chain of events is intact` : `**chain broken**: ${inline(head.chainFaults.join('; '))}`} |`,
    '',
    ...incident.rounds.flatMap(roundLines),
    ...afterLines(head),
  ]
}

function roundLines(round: RoundView): string[] {
  const holding = round.causes.filter((cause) => cause.holds === true)
  const others = round.causes.filter((cause) => cause.holds !== true)
  return [
    `## Round ${round.round}`,
    '',
    ...(round.causes.length === 0
      ? ['No cause was evaluated: the symptom was gone, or the round ended earlier.', '']
      : []),
    ...(round.looks > 1 ? [`**The checks ran again** ${lookedAgain(round.looks)}: the last results follow`, ''] : []),
    ...(holding.length > 0
      ? [
          '**Causes that hold**',
          '',
          ...holding.map((cause) => `- **${inline(cause.cause)}**: ${inline(cause.title)}. ${inline(cause.because)}`),
          '',
        ]
      : []),
    ...(others.length > 0
      ? [
          '**Ruled out or undetermined**',
          '',
          ...others.map(
            (cause) =>
              `- ${inline(cause.cause)}: ${cause.holds === false ? 'ruled out' : 'undetermined'}: ${inline(cause.because)}`,
          ),
          '',
        ]
      : []),
    ...(round.gate ? gateLines(round.gate, round) : []),
  ]
}

function gateLines(gate: GateView, round: RoundView): string[] {
  const { proposal } = gate
  const count =
    proposal.affected > proposal.targets.length
      ? `${proposal.targets.length} of ${proposal.affected} targets`
      : `${proposal.targets.length} target${proposal.targets.length === 1 ? '' : 's'}`
  return [
    `**Proposed**: ${inline(proposal.title)} (${code(proposal.remedy)}, risk ${proposal.risk}, ${count}), gate \`${gate.id}\`, digest \`${gate.proposalDigest}\``,
    '',
    ...proposal.actions.map((action) => `- ${actionLine(action)}`),
    '',
    `**Decision**: ${gate.auto ? whyNoApproval(gate.proposal) : gate.state}${gate.why ? ` (${inline(gate.why)})` : ''}`,
    '',
    ...gate.decisions.map(
      (one) =>
        `- ${one.at}, ${humanDuration(Date.parse(one.at) - Date.parse(gate.openedAt))} after the proposal: **${inline(one.person)}** ${one.decision === 'approve' ? 'approved' : 'rejected'} ${one.targets ? inline(one.targets.join(', ')) : 'all targets'}${one.breakGlass === null ? '' : ` **by break-glass**, reason: ${inline(one.breakGlass)}`}${one.withdrawn ? ' (withdrawn)' : ''}${one.comment ? `: ${inline(one.comment)}` : ''}`,
    ),
    ...(gate.decisions.length > 0 ? [''] : []),
    ...(round.effects.length > 0
      ? [
          '| Target | Action | Effect | Detail |',
          '| --- | --- | --- | --- |',
          ...round.effects.map(
            (effect) =>
              `| ${inline(effect.target)} | ${inline(effect.action)} | ${effect.result} | ${inline(effect.detail + answersText(effect))} |`,
          ),
          '',
        ]
      : []),
    ...notApplied(gate, round),
    ...(round.verified === null ? [] : [`**Verification**: ${round.verified ? 'passed' : 'failed'}`, '']),
    ...(round.unverifiable ? ['**Verification**: none, the remedy has no verification', ''] : []),
  ]
}

/** The lines about approved targets to which the remedy was not applied. */
function notApplied(gate: GateView, { targets }: RoundView): string[] {
  const skipped = targets.filter(({ state }) => state === 'skipped')
  if (gate.state !== 'approved' || skipped.length === 0) return []
  const named = skipped.map(
    ({ key, why }) => `- ${key === '-' ? '' : `${inline(key)}: `}${inline(why ?? 'the round ended earlier')}`,
  )
  return [`**Not applied**${skipped.length === targets.length ? ': all targets were skipped' : ''}`, '', ...named, '']
}

function actionLine(action: ProposedAction): string {
  const guarantee = action.preview.guarantee ? `; applied ${inline(action.preview.guarantee)}` : ''
  const undo = action.preview.undo ? `; undo: ${code(action.preview.undo)}` : ''
  const warning = action.preview.warning ? `; ${inline(action.preview.warning)}` : ''
  return `${action.target === '-' ? '' : `${code(action.target)}: `}${code(action.preview.summary)}${guarantee}${undo}${warning}`
}

function evidenceLines(evidence: EvidenceView): string[] {
  const text = visibleLines(JSON.stringify(evidence.body, null, 2))
  const shown =
    text.length > MAX_EVIDENCE_CHARACTERS
      ? `${text.slice(0, MAX_EVIDENCE_CHARACTERS)}\n… ${text.length - MAX_EVIDENCE_CHARACTERS} more characters: GET /v1/incidents/…/evidence/${evidence.ref}`
      : text
  const fence = fenceFor(shown, 3)
  return [
    `<details><summary><code>${html(evidence.place)}</code>: ${html(evidence.kind)}, ${evidence.status}${evidence.truncated ? ', truncated' : ''}, ${humanDuration(evidence.durationMs)}, <code>${evidence.ref.slice(0, 12)}</code></summary>`,
    '',
    `${fence}json`,
    shown,
    fence,
    '',
    '</details>',
  ]
}

function human(ms: number | null): string {
  return ms === null ? '-' : humanDuration(ms)
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
