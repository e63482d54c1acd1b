import type { IncidentView, TimelineEntry } from '../../engine/views.ts'
import { line } from './layout.ts'
import type { Page } from './proposal.ts'
import { showLines } from './show.ts'

export interface WatchState {
  /** The latest events, oldest first. */
  latest: TimelineEntry[]
  /** Why nothing new can be seen at the moment. */
  trouble: string | undefined
  page: Page
  /** Lines that the frame may have, the cursor's line among them. */
  height: number
}

const SPINNER = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇']
const STEP_MS = 500

/** The screen of `show`, beneath it what happened last and that it is being watched. */
export function watchFrame(view: IncidentView, { latest, trouble, page, height }: WatchState): string[] {
  const screen = showLines(view, page)
  const closed = view.state === 'closed'
  const { width, colours, now } = page
  const news = latest.map((entry) => line(width, [`${entry.at.slice(11, 19)}  ${entry.text}`, colours.dim]))
  const status = trouble
    ? line(width, [`! ${trouble}`, colours.yellow])
    : line(width, [
        `${SPINNER[Math.floor(now / STEP_MS) % SPINNER.length]!} ${doing(view)} · Ctrl-C leaves, the incident goes on`,
        colours.dim,
      ])
  const foot = closed ? [] : [...(news.length > 0 ? ['', ...news] : []), '', status]
  const room = height - 1 - foot.length
  if (screen.length <= room) return [...screen, ...foot]
  // The status line is worth more than the tail of the screen, and the screen more than the news.
  const short = closed ? [] : [status]
  return [...screen.slice(0, Math.max(0, height - 1 - short.length)), ...short]
}

function doing({ id, state, rounds }: IncidentView): string {
  const gate = rounds.at(-1)?.gate
  if (state === 'deciding' && gate?.state === 'open') return `waits for a person: runbook approve ${id}`
  if (state === 'deciding') return 'decided: going on'
  return state === 'open' ? 'waits for a worker' : state
}
