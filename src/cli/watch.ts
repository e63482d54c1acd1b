import { messageOf } from '../core/errors.ts'
import type { Outcome } from '../core/incident.ts'
import type { IncidentView, TimelineEntry } from '../engine/views/view-types.ts'
import type { Client } from './client.ts'
import { exitCodeOfOutcome, STILL_WAITING } from './exit-codes.ts'
import { LiveFrame } from './live-frame.ts'
import { pageOf } from './output.ts'
import { timelineLine } from './render/timeline.ts'
import { showLines } from './render/show.ts'
import { watchFrame } from './render/watch-frame.ts'
import type { Terminal } from './terminal.ts'

const REDRAW_EVERY_MS = 500

/**
 * Watches an incident to its end: a frame that is redrawn in a terminal, a line per event in a pipe, a JSON object per event with
 * `json`. Returns the exit code of the outcome, or 8 when Ctrl-C ended it before: the incident goes on.
 */
export async function watch(terminal: Terminal, client: Client, id: string, json: boolean): Promise<number> {
  const leaving = new AbortController()
  const forget = terminal.onInterrupt(() => {
    // A second Ctrl-C ends the process, whatever it is at.
    forget()
    leaving.abort()
  })
  try {
    const outcome =
      terminal.live && !json
        ? await watchLive(terminal, client, id, leaving)
        : await watchLines(terminal, client, id, json, leaving.signal)
    if (outcome === null) terminal.say(`${id} goes on; watch it again with "runbook watch ${id}"`)
    return outcome === null ? STILL_WAITING : exitCodeOfOutcome(outcome)
  } finally {
    forget()
  }
}

async function watchLines(
  terminal: Terminal,
  client: Client,
  id: string,
  json: boolean,
  leaving: AbortSignal,
): Promise<Outcome | null> {
  let opened: string | undefined
  let trouble: string | undefined
  const onTrouble = (why: string | undefined) => {
    if (why !== trouble) terminal.say(why === undefined ? 'going on' : `waiting: ${why}`)
    trouble = why
  }
  for await (const entry of client.events(id, leaving, onTrouble)) {
    opened ??= entry.at
    terminal.print(json ? JSON.stringify(entry) : timelineLine(entry, opened))
    if (entry.kind === 'closed') return entry.data.outcome as Outcome
  }
  return leaving.aborted ? null : (await client.show(id)).outcome
}

/** What the frame shows; the stream of events says when to look again, the clock when to draw again. */
interface Watched {
  view: IncidentView
  latest: TimelineEntry[]
  trouble: string | undefined
}

const LATEST = 3

async function watchLive(
  terminal: Terminal,
  client: Client,
  id: string,
  leaving: AbortController,
): Promise<Outcome | null> {
  const watched: Watched = { view: await client.show(id), latest: [], trouble: undefined }
  const frame = new LiveFrame(terminal)
  const draw = () =>
    frame.draw(watchFrame(watched.view, { ...watched, page: pageOf(terminal), height: terminal.height }))
  const clock = setInterval(draw, REDRAW_EVERY_MS)
  try {
    draw()
    const looks = new Looks(async () => {
      watched.view = await client.show(id)
      watched.trouble = undefined
      draw()
    })
    for await (const entry of client.events(id, leaving.signal, (why) => (watched.trouble = why))) {
      watched.latest = [...watched.latest, entry].slice(-LATEST)
      watched.trouble = undefined
      looks.ask((error) => (watched.trouble = messageOf(error)))
    }
    if (leaving.signal.aborted) return null
    watched.view = await client.show(id)
    return watched.view.outcome
  } finally {
    clearInterval(clock)
    frame.end(showLines(watched.view, pageOf(terminal)))
  }
}

/** Looks one after the other: whatever asks while one is under way is served by the next. */
class Looks {
  readonly #look: () => Promise<void>
  #busy = false
  #again = false

  constructor(look: () => Promise<void>) {
    this.#look = look
  }

  ask(onError: (error: unknown) => void): void {
    this.#again = true
    if (this.#busy) return
    this.#busy = true
    void this.#work(onError).finally(() => (this.#busy = false))
  }

  async #work(onError: (error: unknown) => void): Promise<void> {
    while (this.#again) {
      this.#again = false
      await this.#look().catch(onError)
    }
  }
}
