import { setTimeout as sleep } from 'node:timers/promises'
import type { AlertSource } from '../core/alert.ts'
import type { Effect } from '../core/effect.ts'
import type { FileStatus } from '../core/file-status.ts'
import { isRunbookError, messageOf, RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { InsightRequest } from '../core/insight-request.ts'
import type { DoneRequest, FeedbackRequest, FollowUpRequest, SettleRequest } from '../engine/requests.ts'
import type {
  AlertExplanations,
  AlertView,
  DetectionReport,
  DetectorView,
  FeedbackView,
  FollowUpView,
  IncidentSummary,
  IncidentView,
  Insights,
  MaintenanceList,
  MaintenanceView,
  Review,
  RunbookVersion,
  ShownIncident,
  TimelineEntry,
} from '../engine/views/view-types.ts'
import type { Control } from '../gate/controls.ts'
import type { Decided } from '../gate/decide.ts'
import type { DecisionRequest } from '../gate/decision-schema.ts'
import type { Withdrawn } from '../gate/withdraw.ts'
import type { Accepted } from '../history/accept.ts'
import { readAddress, type Address } from './address.ts'
import { versionMismatch } from './api-version.ts'
import { readEventStream } from './event-stream.ts'
import { send, type ApiRequest } from './send.ts'
import type { Terminal } from './terminal.ts'

/** How long `events` tries to reconnect before it gives up. */
const RECONNECT_TIMEOUT_MS = 300_000
const RECONNECT_INTERVAL_MS = 500

export interface ListFilter {
  state?: 'open' | 'closed'
  type?: string
  limit: number
}

/** A client of the API for the environment and the directory of the terminal. */
export function openClient(terminal: Terminal): Client {
  const address = readAddress(terminal.cwd, terminal.env)
  const onVersion = (version: string | null) => {
    if (terminal.versionMismatch !== undefined) return
    terminal.versionMismatch = versionMismatch(address.url, version)
    if (terminal.versionMismatch !== undefined) terminal.log(terminal.colours.yellow(terminal.versionMismatch))
  }
  return new Client({ ...address, onVersion })
}

/** A client of the HTTP API with the calls that the command line needs. Every failure is thrown as a RunbookError. */
export class Client {
  readonly #address: Address

  constructor(address: Address) {
    this.#address = address
  }

  trigger(type: string, inputs: Record<string, string>): Promise<Accepted> {
    return this.#post('/v1/incidents', { type, inputs })
  }

  list({ state, type, limit }: ListFilter): Promise<{ incidents: IncidentSummary[]; files: FileStatus }> {
    const query = new URLSearchParams({ limit: String(limit) })
    if (state) query.set('state', state)
    if (type) query.set('type', type)
    return this.#json(`/v1/incidents?${query}`)
  }

  show(id: string): Promise<ShownIncident> {
    return this.#json(`/v1/incidents/${id}`)
  }

  async versions(runbook: string): Promise<RunbookVersion[]> {
    const path = `/v1/runbooks/${encodeURIComponent(runbook)}/versions`
    return (await this.#json<{ versions: RunbookVersion[] }>(path)).versions
  }

  async source(runbook: string, planDigest: string): Promise<string> {
    const path = `/v1/runbooks/${encodeURIComponent(runbook)}/versions/${planDigest}`
    return (await this.#json<{ source: string }>(path)).source
  }

  review(id: string): Promise<Review> {
    return this.#json(`/v1/incidents/${id}/review.json`)
  }

  async reviewMarkdown(id: string): Promise<string> {
    return (await send(this.#address, `/v1/incidents/${id}/review.md`)).text()
  }

  decide(id: string, decision: DecisionRequest): Promise<Decided> {
    return this.#post(`/v1/incidents/${id}/decision`, decision)
  }

  withdraw(id: string, comment: string | undefined): Promise<Withdrawn> {
    return this.#post(`/v1/incidents/${id}/withdraw`, { comment })
  }

  settle(id: string, request: SettleRequest): Promise<Effect> {
    return this.#post(`/v1/incidents/${id}/settle`, request)
  }

  done(id: string, request: DoneRequest): Promise<Effect> {
    return this.#post(`/v1/incidents/${id}/done`, request)
  }

  retry(id: string): Promise<Accepted> {
    return this.#json(`/v1/incidents/${id}/retry`, { method: 'POST' })
  }

  undo(id: string): Promise<Accepted> {
    return this.#json(`/v1/incidents/${id}/undo`, { method: 'POST' })
  }

  act(id: string, action: 'ack' | 'claim'): Promise<IncidentView> {
    return this.#json(`/v1/incidents/${id}/${action}`, { method: 'POST' })
  }

  cancel(id: string, comment?: string): Promise<IncidentView> {
    return this.#post(`/v1/incidents/${id}/cancel`, { comment })
  }

  note(id: string, text: string): Promise<IncidentView> {
    return this.#post(`/v1/incidents/${id}/notes`, { text })
  }

  async followUps(id?: string): Promise<FollowUpView[]> {
    const path = id === undefined ? '/v1/follow-ups' : `/v1/incidents/${id}/follow-ups`
    return (await this.#json<{ followUps: FollowUpView[] }>(path)).followUps
  }

  addFollowUp(id: string, request: FollowUpRequest): Promise<FollowUpView> {
    return this.#post(`/v1/incidents/${id}/follow-ups`, request)
  }

  closeFollowUp(id: string, number: number, result: string): Promise<FollowUpView> {
    return this.#post(`/v1/incidents/${id}/follow-ups/${number}/close`, { result })
  }

  async feedback(id: string, request: FeedbackRequest): Promise<FeedbackView[]> {
    return (await this.#post<{ feedback: FeedbackView[] }>(`/v1/incidents/${id}/feedback`, request)).feedback
  }

  async unmatchedAlerts(): Promise<AlertView[]> {
    return (await this.#json<{ alerts: AlertView[] }>('/v1/alerts/unmatched')).alerts
  }

  explainAlerts(source: AlertSource, payload: JsonObject): Promise<AlertExplanations> {
    return this.#post('/v1/alerts/explain', { source, payload })
  }

  signInLink(): Promise<{ path: string; expiresAt: string }> {
    return this.#json('/v1/sign-in-links', { method: 'POST' })
  }

  async detectors(): Promise<DetectorView[]> {
    return (await this.#json<{ detectors: DetectorView[] }>('/v1/detection')).detectors
  }

  detectionReport(since: string, runbook: string | undefined): Promise<DetectionReport> {
    const query = new URLSearchParams({ since, ...(runbook === undefined ? {} : { runbook }) })
    return this.#json(`/v1/detection/report?${query}`)
  }

  insights(request: InsightRequest): Promise<Insights> {
    return this.#json(`/v1/insights?${new URLSearchParams({ ...request })}`)
  }

  async pauseDetection(runbook: string, verb: 'pause' | 'resume', reason: string): Promise<DetectorView[]> {
    const path = `/v1/detection/${encodeURIComponent(runbook)}/${verb}`
    return (await this.#post<{ detectors: DetectorView[] }>(path, { reason })).detectors
  }

  maintenance(): Promise<MaintenanceList> {
    return this.#json('/v1/maintenance')
  }

  startMaintenance(request: {
    for: string
    reason: string
    runbook?: string
    connection?: string
  }): Promise<MaintenanceView> {
    return this.#post('/v1/maintenance', request)
  }

  endMaintenance(id: string): Promise<MaintenanceView> {
    return this.#json(`/v1/maintenance/${encodeURIComponent(id)}/end`, { method: 'POST' })
  }

  async controls(): Promise<Control[]> {
    return (await this.#json<{ controls: Control[] }>('/v1/controls')).controls
  }

  /** Returns the controls that are still on. */
  async closeBreaker(connection: string, reason: string): Promise<Control[]> {
    const path = `/v1/breakers/${encodeURIComponent(connection)}/close`
    return (await this.#post<{ controls: Control[] }>(path, { reason })).controls
  }

  /**
   * The incident's timeline from its start, live until the incident is closed or `signal` is aborted. A broken stream is reopened
   * after the last entry; `onProblem` is called with the reason, and with undefined once it works again. Throws when reconnecting
   * has failed for five minutes.
   */
  async *events(
    id: string,
    signal: AbortSignal,
    onProblem: (reason: string | undefined) => void,
  ): AsyncGenerator<TimelineEntry> {
    let last = 0
    let failingSince: number | undefined
    while (!signal.aborted) {
      try {
        const { status, body } = await this.#openStream(id, last, signal)
        if (failingSince !== undefined) onProblem(undefined)
        failingSince = undefined
        if (status === 204 || body === null) return
        for await (const event of readEventStream(body, signal)) {
          const entry = JSON.parse(event.data) as TimelineEntry
          last = entry.seq
          yield entry
          if (entry.kind === 'closed') return
        }
      } catch (error) {
        if (signal.aborted) return
        if (isRunbookError(error) && error.code !== 'RUNBOOK_UNREACHABLE') throw error
        failingSince ??= Date.now()
        if (last === 0 || Date.now() - failingSince > RECONNECT_TIMEOUT_MS) throw error
        onProblem(messageOf(error))
      }
      await sleep(RECONNECT_INTERVAL_MS, undefined, { signal }).catch(() => {})
    }
  }

  #openStream(id: string, last: number, signal: AbortSignal): Promise<Response> {
    const headers = { accept: 'text/event-stream', ...(last > 0 && { 'last-event-id': String(last) }) }
    return send(this.#address, `/v1/incidents/${id}/events`, { headers, until: signal })
  }

  #post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json' }
    return this.#json(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  async #json<T>(path: string, request?: ApiRequest): Promise<T> {
    const response = await send(this.#address, path, request)
    const value: unknown = await response.json().catch(() => undefined)
    if (typeof value !== 'object' || value === null)
      throw new RunbookError(
        'RUNBOOK_UNREACHABLE',
        `the server at ${this.#address.url} is not the runbook API. Set RUNBOOK_URL to the API's address.`,
      )
    return value as T
  }
}
