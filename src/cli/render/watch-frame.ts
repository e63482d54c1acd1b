import type { IncidentView, TimelineEntry } from '../../engine/views/view-types.ts'
import { clockText } from './age.ts'
import { line } from './layout.ts'
import type { Page } from './proposal.ts'
import { showLines } from './show.ts'

export interface WatchState {
  /** The latest events, oldest first. */
  latest: TimelineEntry[]
  /** Why the frame is not up to date at the moment. */
  problem: string | undefined
  page: Page
  /** Lines of the terminal, including the cursor's line. */
  height: number
}

const SPINNER = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇']
const STEP_MS = 500

/** The screen of `show`, and below it the latest events and a status line. */
export function watchFrame(view: IncidentView, { latest, problem, page, height }: WatchState): string[] {
  const screen = showLines(view, page)
  const closed = view.state === 'closed'
  const { width, colours, now } = page
  const events = latest.map((entry) => line(width, [`${clockText(entry.at)}  ${entry.text}`, colours.dim]))
  const status = problem
    ? line(width, [`! ${problem}`, colours.yellow])
    : line(width, [
        `${SPINNER[Math.floor(now / STEP_MS) % SPINNER.length]!} ${activity(view)} · Ctrl-C stops watching`,
        colours.dim,
      ])
  if (closed) return screen.slice(0, height - 1)
  // If the terminal has too few lines, the events are left out first, then the end of the screen. The status line is always shown.
  const footers = [...(events.length > 0 ? [['', ...events, '', status]] : []), ['', status], [status]]
  const footer = footers.find((lines) => screen.length + lines.length < height) ?? [status]
  return [...screen.slice(0, height - 1 - footer.length), ...footer]
}

function activity({ id, state, rounds, waitsFor, manualSteps }: IncidentView): string {
  if (waitsFor.length > 0) return `waits for ${waitsFor.map(({ connection }) => connection).join(', ')}`
  if (manualSteps.length > 0) return `waits for a person: runbook done ${id}`
  const gate = rounds.at(-1)?.gate
  if (state === 'deciding' && gate?.state === 'open') return `waits for approval: runbook approve ${id}`
  if (state === 'deciding' && gate?.state === 'overdue') return 'nobody decided in time, waits for a worker'
  if (state === 'deciding') return 'decided, continuing'
  return state === 'open' ? 'waits for a worker' : state
}
