import type { IncidentView, TimelineEntry } from '../../engine/views/view-types.ts'
import { clockText } from './age.ts'
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
  const news = latest.map((entry) => line(width, [`${clockText(entry.at)}  ${entry.text}`, colours.dim]))
  const status = trouble
    ? line(width, [`! ${trouble}`, colours.yellow])
    : line(width, [
        `${SPINNER[Math.floor(now / STEP_MS) % SPINNER.length]!} ${doing(view)} · Ctrl-C leaves`,
        colours.dim,
      ])
  if (closed) return screen.slice(0, height - 1)
  // In a low window the news go first, then the tail of the screen: that it is being watched is always said.
  const feet = [...(news.length > 0 ? [['', ...news, '', status]] : []), ['', status], [status]]
  const foot = feet.find((lines) => screen.length + lines.length < height) ?? [status]
  return [...screen.slice(0, height - 1 - foot.length), ...foot]
}

function doing({ id, state, rounds }: IncidentView): string {
  const gate = rounds.at(-1)?.gate
  if (state === 'deciding' && gate?.state === 'open') return `waits for a person: runbook approve ${id}`
  if (state === 'deciding') return 'decided: going on'
  return state === 'open' ? 'waits for a worker' : state
}
