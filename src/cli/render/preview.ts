import { describeTerms } from '../../core/policy.ts'
import type { Json } from '../../core/json.ts'
import { humanDuration } from '../../core/duration.ts'
import type { Preview } from '../../engine/preview.ts'
import { placeOf } from '../../engine/views/action-place.ts'
import { changeOf } from './changes.ts'
import { line, plural, wrap } from './layout.ts'
import { neededApprovals, type Page } from './proposal.ts'

/** The preview of a runbook as text. */
export function previewLines(preview: Preview, page: Page): string[] {
  const { colours, width } = page
  const symptom = { true: 'is present', false: 'is not present', undetermined: 'is undetermined' }
  return [
    line(width, [preview.runbook, colours.bold], `  the symptom ${symptom[`${preview.symptom}`]}`),
    '',
    colours.bold('Checks'),
    ...preview.checks.flatMap((check) => checkLines(check, page)),
    '',
    ...nameLines(preview, page),
    colours.bold('Causes'),
    ...preview.causes.flatMap((finding) => causeLines(finding, finding.cause === preview.cause, page)),
    '',
    ...proposalLines(preview, page),
    ...columnLines(preview, page),
    '',
    colours.dim('Nothing was changed, nothing was stored, nobody was notified.'),
  ]
}

function checkLines(check: Preview['checks'][number], { width, colours }: Page): string[] {
  const { name, kind, status, durationMs, result, truncated, error } = check
  if (status !== 'ok') {
    const text = `${name} (${kind}) ${status === 'timeout' ? 'timed out' : 'failed'}: ${error ?? ''}`
    return wrapped(text, colours.red('✗'), width)
  }
  const rows = Array.isArray(result?.['rows']) ? `${plural(result['rows'].length, 'row')}${truncated ? '+' : ''}, ` : ''
  const shown = Object.entries(result ?? {})
    .filter(([field, value]) => field !== 'rows' && field !== 'truncated' && value !== null)
    .map(([field, value]) => `${field} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
  const first =
    Array.isArray(result?.['rows']) && result['rows'][0] ? [`first ${JSON.stringify(result['rows'][0])}`] : []
  const text = `${name} (${kind}, ${rows}${humanDuration(durationMs)}): ${[...shown, ...first].join(', ') || 'nothing'}`
  return wrapped(text, colours.green('✓'), width, 3)
}

/** The names of `let` with their values; a list as its length and its first item. */
function nameLines({ names }: Preview, { width, colours }: Page): string[] {
  if (names.length === 0) return []
  const text = (value: Json): string => {
    if (!Array.isArray(value)) return typeof value === 'string' ? value : JSON.stringify(value)
    return `${plural(value.length, 'item')}${value.length > 0 ? `, first ${JSON.stringify(value[0])}` : ''}`
  }
  return [
    colours.bold('Names'),
    ...names.flatMap((one) =>
      'value' in one
        ? wrapped(`${one.name}: ${text(one.value)}`, ' ', width, 3)
        : wrapped(`${one.name} (undetermined): ${one.undetermined}`, colours.yellow('?'), width),
    ),
    '',
  ]
}

function causeLines(finding: Preview['causes'][number], treated: boolean, { width, colours }: Page): string[] {
  const { cause, holds, because, title } = finding
  const mark = holds === true ? colours.green('✓') : holds === false ? colours.dim('✗') : colours.yellow('?')
  const word =
    holds === true
      ? treated
        ? 'holds; a remedy would be proposed for it'
        : 'holds'
      : holds === false
        ? 'no'
        : 'undetermined'
  return wrapped(`${cause} (${word}): ${title}: ${because}`, mark, width)
}

function wrapped(text: string, mark: string, width: number, maxLines = Infinity): string[] {
  return wrap(text, width - 4, maxLines).map((one, i) => (i === 0 ? `  ${mark} ${one}` : `    ${one}`))
}

function proposalLines({ proposal, end }: Preview, { width, colours }: Page): string[] {
  if (!proposal) {
    if (!end) return []
    return [
      ...wrap(`The incident would be closed: ${end.outcome}: ${end.reason}`, width).map(colours.bold),
      ...(end.message ? wrap(`Notification: ${end.message}`, width - 2).map((text) => `  ${text}`) : []),
    ]
  }
  const { title, risk, because, affected, targets, actions, approval } = proposal
  const runsOnce = targets.length === 1 && targets[0]!.key === '-'
  const count = runsOnce
    ? ''
    : `, ${targets.length === affected ? '' : `${targets.length} of `}${plural(affected, 'target')}`
  const who = approval.auto ? 'no approval needed (auto)' : neededApprovals(approval.count, approval.by)
  return [
    ...wrap(`Proposal: ${title}`, width).map(colours.bold),
    ...wrap(`because ${because}`, width - 2).map((text) => `  ${text}`),
    line(width, `  risk ${risk}${count}; ${who}`),
    ...(approval.policy ? wrap(`  ${describeTerms(approval.policy)}`, width) : []),
    ...actions.flatMap((action, i) => {
      const { preview, target, kind } = action
      const change = changeOf(action)
      return [
        line(width, `  ${i + 1}. `, [target === '-' ? '' : `${target}  `, colours.bold], `${kind} ${placeOf(action)}`),
        ...detail(preview.summary, width),
        ...(change === preview.summary ? [] : detail(change, width)),
        ...(preview.count === undefined ? [] : detail(`items affected: ${preview.count}`, width)),
        ...(preview.undo ? detail(`undo: ${preview.undo}`, width).map(colours.dim) : []),
        ...(preview.warning ? detail(`! ${preview.warning}`, width).map(colours.yellow) : []),
      ]
    }),
  ]
}

function detail(text: string, width: number): string[] {
  return wrap(text, width - 5).map((one) => `     ${one}`)
}

function columnLines({ columns }: Preview, { width, colours }: Page): string[] {
  if (columns.length === 0) return []
  return [
    '',
    colours.bold('Declared columns'),
    ...columns.flatMap(({ check, column, message }) =>
      wrapped(column === '*' ? `${check}: ${message}` : `${check}.${column}: ${message}`, colours.yellow('!'), width),
    ),
  ]
}
