import type { Person } from '../../core/person.ts'
import { readShownGates } from '../../gate/gates.ts'
import { snapshot } from '../../history/database.ts'
import { readEvents } from '../../history/incidents.ts'
import type { Engine } from '../engine.ts'
import { visiblePlans } from '../visible.ts'
import { gateDeciders, type GateDeciders } from './deciders.ts'
import { incidentGraph, type Graph } from './graph.ts'
import { incidentView } from './show.ts'
import { timelineEntry } from './timeline.ts'
import { trackRecord, type TrackRecord } from './track-record.ts'
import type { GateView, IncidentView, TimelineEntry } from './view-types.ts'

/** An incident as it is shown to one person, read in one snapshot. */
export interface IncidentForReader {
  view: IncidentView
  /** The gate that waits for decisions; undefined if no gate waits. */
  open: OpenGateForReader | undefined
  /** The graph; null if the plan of the incident cannot be read. */
  graph: Graph | null
  /** The last events, oldest first, and the number of earlier events. */
  timeline: TimelineEntry[]
  earlier: number
}

export interface OpenGateForReader {
  gate: GateView
  /** Whether nobody decided in time, so that more groups may decide now. */
  widened: boolean
  deciders: GateDeciders
  record: TrackRecord
}

/** Reads the incident. Throws `RUNBOOK_NOT_FOUND`. */
export async function incidentForReader(
  engine: Pick<Engine, 'database' | 'people' | 'config'>,
  id: string,
  reader: Person,
  maxEvents: number,
): Promise<IncidentForReader> {
  const plans = await visiblePlans(engine, reader)
  return snapshot(engine.database, async (db) => {
    const view = await incidentView(db, id, plans)
    const gate = view.closedAt === null ? view.rounds.at(-1)?.gate : undefined
    const row = (await readShownGates(db, id)).gates.find((one) => one.id === gate?.id && one.stateNow === 'open')
    const events = await readEvents(db, id)
    const shown = events.slice(-maxEvents)
    return {
      view,
      open:
        gate && row
          ? {
              gate,
              widened: row.escalatedAt !== null,
              deciders: await gateDeciders(db, engine, row, reader),
              record: await trackRecord(db, view.runbook, row, plans),
            }
          : undefined,
      graph: await incidentGraph(db, view),
      timeline: shown.map(timelineEntry),
      earlier: events.length - shown.length,
    }
  })
}
