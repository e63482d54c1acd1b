import { visibleLine } from '../../core/displayable.ts'
import { humanDuration } from '../../core/duration.ts'
import type { Finding } from '../../core/incident.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { cutText } from '../../core/storable.ts'
import { parseCheckPlace, type CheckStage } from '../../core/place.ts'
import type { EventRow } from '../../history/incidents.ts'
import type { TimelineEntry } from './view-types.ts'

/** An event as one sentence, for `watch`, `review` and the pages. */
export function timelineEntry(event: EventRow): TimelineEntry {
  const { seq, at, actor, kind, place, data } = event
  return { seq, at, actor, kind, place, text: oneLine(sentence(event)), data }
}

const MAX_SENTENCE_LENGTH = 1_000

/** One line of bounded length: event data comes from diagnosed systems and may hold anything. */
function oneLine(line: string): string {
  const visible = visibleLine(line)
  return visible.length > MAX_SENTENCE_LENGTH ? `${cutText(visible, MAX_SENTENCE_LENGTH)}…` : visible
}

/** An event that does not hold what its kind says, because somebody changed it, is shown as it is. */
function sentence(event: EventRow): string {
  const say = Object.hasOwn(SENTENCES, event.kind) ? SENTENCES[event.kind]! : plain
  try {
    return say(event.data, event)
  } catch {
    return plain(event.data, event)
  }
}

type Sentence = (data: JsonObject, event: EventRow) => string

const plain: Sentence = (data, event) => `${event.kind} ${JSON.stringify(data)}`

const SENTENCES: Record<string, Sentence> = {
  opened: (data, { actor }) => `${who(actor)} opened it (${text(data.type)}, runbook ${text(data.runbook)})`,
  check: (data, { place }) => `${lookOf(place)}${text(data.name)} (${text(data.check)}): ${checkResult(data)}`,
  findings: (data) => `round ${text(data.round)}: ${findingsText(data.findings as unknown as Finding[])}`,
  proposal: (data) =>
    `proposed: ${text(data.title)} (${text(data.remedy)}) for ${targetsText(data)}, digest ${text(data.proposalDigest).slice(0, 12)}${data.auto ? ', needs no approval' : ''}`,
  decision: (data, { actor }) =>
    `${who(actor)} ${data.breakGlass ? 'broke the glass and ' : ''}${data.decision === 'approve' ? 'approved' : 'rejected'} ${text(data.gate)}${Array.isArray(data.targets) ? ` for ${data.targets.join(', ')}` : ''}${data.breakGlass ? `, alone, because: ${text(data.breakGlass)}` : ''}${data.comment ? `: ${text(data.comment)}` : ''}`,
  withdrawal: (data, { actor }) =>
    `${who(actor)} took the decision on ${text(data.gate)} back, which is ${text(data.state)}${data.comment ? `: ${text(data.comment)}` : ''}`,
  settled: (data, { actor }) =>
    `${who(actor)} settled ${text(data.action)} on ${text(data.target)} as ${text(data.result)}: ${text(data.comment)}`,
  retried: (data, { actor }) =>
    `${who(actor)} ${data.created ? 'opened' : 'joined'} ${text(data.incident)}, to try it again`,
  undo: (data, { actor }) =>
    `${who(actor)} ${data.created ? 'opened' : 'joined'} ${text(data.incident)}, to take back what was done here`,
  denied: (data, { actor }) =>
    data.decision === undefined
      ? `refused a token that came for ${text(data.gate)}: ${text(data.why)}`
      : `refused: ${who(actor)} may not ${text(data.decision)} ${text(data.gate)}: ${text(data.why)}`,
  gate: (data) => `gate ${text(data.gate)} is ${text(data.state)}: ${text(data.why)}`,
  recheck: (data) => `checked again: ${recheckText(data)}`,
  waiting: (data) => `waits until ${text(data.until)}, at most ${humanDuration(Number(data.withinMs))}`,
  stopped: (data) => `stopped: ${text(data.reason)}`,
  permit: (data) => `permit for ${text(data.target)} (lease ${text(data.lease)}, fence ${text(data.fence)})`,
  effect: (data) =>
    `${text(data.action)} on ${text(data.target)}: ${text(data.result)}${data.detail ? `, ${text(data.detail)}` : ''}`,
  verified: (data) => `${data.held ? 'verified' : 'not verified'}: ${text(data.remedy)}: ${text(data.detail)}`,
  escalation: (data) => `escalated to ${toldText(data)}: ${text(data.reason)}`,
  reminder: (data) => `reminded ${toldText(data)}: ${text(data.message)}`,
  announcement: (data) => `told ${toldText(data)}: ${text(data.message)}`,
  acknowledged: (_, { actor }) => `${who(actor)} acknowledged it`,
  claimed: (_, { actor }) => `${who(actor)} claimed it`,
  note: (data, { actor }) => `${who(actor)}: ${text(data.body)}`,
  cancel: (data, { actor }) => `${who(actor)} asked to cancel it${data.comment ? `: ${text(data.comment)}` : ''}`,
  control: (data, { actor }) =>
    `${who(actor)} turned ${data.control === 'freeze' ? 'the freeze' : text(data.control)} ${data.on ? 'on' : 'off'}: ${text(data.reason)}`,
  closed: (data) => `closed: ${text(data.outcome)}: ${text(data.reason)}`,
}

function who(actor: string): string {
  return actor.replace(/^person:/, '')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

/** Who was meant, and of those that nobody could reach, why. */
function toldText({ to, told }: JsonObject): string {
  const names = Array.isArray(to) ? to.map(text) : [text(to)]
  const came = isJsonObject(told) ? told : {}
  return names
    .map((name) => {
      const what = came[name]
      return typeof what !== 'string' || what.startsWith('told') ? name : `${name} (nobody was told: ${what})`
    })
    .join(', ')
}

const STAGES: Record<CheckStage['at'], string> = {
  diagnose: '',
  recheck: 'checked again: ',
  wait: 'while waiting: ',
  verify: 'verification: ',
  after: 'afterwards: ',
}

function lookOf(place: string | null): string {
  const stage = place === null ? undefined : parseCheckPlace(place)?.stage
  return stage ? STAGES[stage.at] : ''
}

function checkResult(data: JsonObject): string {
  const took = humanDuration(Number(data.durationMs))
  if (data.status !== 'ok')
    return `${data.status === 'timeout' ? 'timed out' : 'failed'} after ${took}: ${text(data.error)}`
  const rows =
    typeof data.rows === 'number'
      ? `${data.rows} row${data.rows === 1 ? '' : 's'}${data.truncated ? ' (truncated)' : ''}, `
      : ''
  return `${rows}${took}`
}

function findingsText(findings: Finding[]): string {
  const holding = findings.filter((one) => one.holds === true)
  const open = findings.filter((one) => one.holds === 'undetermined').map((one) => one.cause)
  const held =
    holding.length > 0 ? `${holding.map((one) => `${one.cause} holds (${one.because})`).join('; ')}` : 'no cause holds'
  return open.length > 0 ? `${held}; undetermined: ${open.join(', ')}` : held
}

function targetsText(data: JsonObject): string {
  const targets = Array.isArray(data.targets) ? data.targets : []
  const of = Number(data.affected) > targets.length ? ` (${targets.length} of ${text(data.affected)})` : ''
  if (targets.length === 1 && targets[0] === '-') return 'all of it'
  return `${targets.length > 5 ? `${targets.slice(0, 5).join(', ')} and ${targets.length - 5} more` : targets.join(', ')}${of}`
}

function recheckText(data: JsonObject): string {
  const skipped = Object.entries((data.skipped ?? {}) as JsonObject)
  const stays = Array.isArray(data.targets) ? data.targets.length : 0
  const reasons = skipped.map(([key, why]) => `${key} skipped (${text(why)})`)
  return [`${stays} target${stays === 1 ? '' : 's'} still qualif${stays === 1 ? 'ies' : 'y'}`, ...reasons].join('; ')
}
