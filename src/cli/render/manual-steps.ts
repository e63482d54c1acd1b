import { humanDuration } from '../../core/duration.ts'
import { ALL_TARGETS } from '../../core/proposal.ts'
import type { IncidentView } from '../../engine/views/view-types.ts'
import { clockText } from './age.ts'
import { line, wrap } from './layout.ts'
import type { Page } from './proposal.ts'

type ManualStep = IncidentView['manualSteps'][number]

/** The maximum number of steps that are shown in full. Only the targets of further steps are named. */
const MAX_IN_FULL = 2

/** What a person has to do now, the time limit, the questions to answer, and the command that reports the step. */
export function manualStepLines({ id, manualSteps }: IncidentView, page: Page): string[] {
  const rest = manualSteps.slice(MAX_IN_FULL)
  return [
    ...manualSteps.slice(0, MAX_IN_FULL).flatMap((step) => stepLines(id, step, page)),
    ...wrap(rest.length > 0 ? ` and for: ${rest.map(({ target }) => target).join(', ')}` : '', page.width, 2),
  ]
}

function stepLines(id: string, step: ManualStep, { width, colours, now, interactive }: Page): string[] {
  const { action, target, instructions, form, until } = step
  const left = Date.parse(until) - now
  const limit = left > 0 ? `, ${humanDuration(left)} left` : ''
  const names = Object.keys(form)
  // In a terminal the command asks for the answers.
  const answers = interactive ? '' : names.map((name) => ` --form ${name}=…`).join('')
  const which = target === ALL_TARGETS ? '' : ` --step ${shellWord(`${action}/${target}`)}`
  return [
    '',
    ...wrap(
      `Waits for a person${target === ALL_TARGETS ? '' : ` (${target})`}, until ${clockText(until)}${limit}`,
      width,
      2,
    ).map(colours.bold),
    ...wrap(instructions, width - 3, 6).map((text) => line(width, '   ', text)),
    ...names.flatMap((name) => wrap(`${name}: ${form[name]!}`, width - 5, 2).map((text) => line(width, '   ? ', text))),
    ' done:      ' + colours.bold(`runbook done ${id}${which}${answers}`),
    ` not done:  runbook done ${id}${which} --not --comment "why"`,
  ]
}

/** Quotes a target's key for the shell, because a key may contain characters that a shell interprets. */
function shellWord(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
