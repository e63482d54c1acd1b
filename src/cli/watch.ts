import { messageOf } from '../core/errors.ts'
import { OUTCOMES, type Outcome } from '../core/incident.ts'
import type { IncidentView, TimelineEntry } from '../engine/views/view-types.ts'
import type { Client } from './client.ts'
import { exitCodeOfOutcome, STILL_WAITING } from './exit-codes.ts'
import { LiveFrame } from './live-frame.ts'
import { pageOf } from './output.ts'
import { timelineLine } from './render/timeline.ts'
import { showLines } from './render/show.ts'
import { watchFrame } from './render/watch-frame.ts'
import type { Terminal } from './terminal.ts'

const REDRAW_INTERVAL_MS = 500

/**
 * Follows an incident until it is closed: in a terminal a frame that is redrawn, in a pipe a line per event, with `json` a JSON
 * object per event. Returns the exit code of the outcome, or 8 after Ctrl-C, which does not affect the incident.
 *
 * `decidedGate`: the gate that the same command has just decided. If the terminal cannot ask and the incident waits for a person after that gate, watching ends with 8, because nobody could answer.
 */
export async function watch(
  terminal: Terminal,
  client: Client,
  id: string,
  json: boolean,
  decidedGate?: string,
): Promise<number> {
  const stopping = new AbortController()
  const removeHandler = terminal.onInterrupt(() => {
    // A second Ctrl-C ends the process immediately.
    removeHandler()
    stopping.abort()
  })
  try {
    const outcome =
      terminal.live && !json
        ? await watchLive(terminal, client, id, stopping.signal)
        : await watchLines(terminal, client, id, json, stopping.signal, terminal.interactive ? undefined : decidedGate)
    if (outcome === 'waits') return STILL_WAITING
    if (outcome === null) terminal.log(`stopped watching; ${id} continues. Watch it again with "runbook watch ${id}".`)
    return outcome === null ? STILL_WAITING : exitCodeOfOutcome(outcome)
  } finally {
    removeHandler()
  }
}

async function watchLines(
  terminal: Terminal,
  client: Client,
  id: string,
  json: boolean,
  stopping: AbortSignal,
  decidedGate: string | undefined,
): Promise<Outcome | 'waits' | null> {
  let isAfterGate = false
  let opened: string | undefined
  let problem: string | undefined
  const onProblem = (reason: string | undefined) => {
    if (reason !== problem) terminal.log(reason === undefined ? 'reconnected' : `reconnecting: ${reason}`)
    problem = reason
  }
  for await (const entry of client.events(id, stopping, onProblem)) {
    opened ??= entry.at
    terminal.print(json ? JSON.stringify(entry) : timelineLine(entry, opened))
    const outcome = entry.kind === 'closed' && OUTCOMES.find((one) => one === entry.data.outcome)
    if (outcome) return outcome
    if (isAfterGate && waitsForPerson(entry)) {
      terminal.log(`${id} waits for a person again. See "runbook show ${id}".`)
      return 'waits'
    }
    if (decidedGate !== undefined && entry.kind === 'proposal' && entry.data.gate === decidedGate) isAfterGate = true
  }
  return stopping.aborted ? null : (await client.show(id)).outcome
}

/** A proposal that needs an approval, or a manual step. */
function waitsForPerson({ kind, data }: TimelineEntry): boolean {
  return kind === 'manual' || (kind === 'proposal' && data.auto !== true)
}

/** The content of the frame. Each event reloads the incident; a timer redraws the frame. */
interface FrameState {
  view: IncidentView
  latest: TimelineEntry[]
  problem: string | undefined
}

const MAX_LATEST = 3

async function watchLive(
  terminal: Terminal,
  client: Client,
  id: string,
  stopping: AbortSignal,
): Promise<Outcome | null> {
  const shown: FrameState = { view: await client.show(id), latest: [], problem: undefined }
  const frame = new LiveFrame(terminal)
  const draw = () => frame.draw(watchFrame(shown.view, { ...shown, page: pageOf(terminal), height: terminal.height }))
  const clock = setInterval(draw, REDRAW_INTERVAL_MS)
  try {
    draw()
    const reloads = new Reloads(async () => {
      shown.view = await client.show(id)
      shown.problem = undefined
      draw()
    })
    for await (const entry of client.events(id, stopping, (reason) => (shown.problem = reason))) {
      shown.latest = [...shown.latest, entry].slice(-MAX_LATEST)
      shown.problem = undefined
      reloads.request((error) => (shown.problem = messageOf(error)))
    }
    if (stopping.aborted) return null
    shown.view = await client.show(id)
    return shown.view.outcome
  } finally {
    clearInterval(clock)
    frame.end(showLines(shown.view, pageOf(terminal)))
  }
}

/** Runs one reload at a time. Requests during a reload are served together by the next one. */
class Reloads {
  readonly #reload: () => Promise<void>
  #running = false
  #requested = false

  constructor(reload: () => Promise<void>) {
    this.#reload = reload
  }

  request(onError: (error: unknown) => void): void {
    this.#requested = true
    if (this.#running) return
    this.#running = true
    void this.#run(onError).finally(() => (this.#running = false))
  }

  async #run(onError: (error: unknown) => void): Promise<void> {
    while (this.#requested) {
      this.#requested = false
      await this.#reload().catch(onError)
    }
  }
}
