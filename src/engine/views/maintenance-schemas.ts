import { z } from 'zod'
import { time } from './schema-parts.ts'

/** A time in which alerts and detection open nothing. */
export const maintenanceView = z
  .object({
    /** Null for a recurring window of the configuration. */
    id: z.string().nullable(),
    /** When a recurring window begins; null for one that a person started. */
    recurs: z.string().nullable(),
    /** What it covers; both are null if it covers everything. */
    runbook: z.string().nullable(),
    connection: z.string().nullable(),
    reason: z.string(),
    person: z.string().nullable(),
    /** Of the window that is active or comes next. */
    startsAt: time,
    endsAt: time,
    /** Who ended it early. */
    endedBy: z.string().nullable(),
    isActive: z.boolean(),
  })
  .meta({ id: 'Maintenance' })

export const maintenanceList = z
  .object({
    maintenance: z.array(maintenanceView),
    /** Alerts that fire and open their incidents when their maintenance ends. */
    heldAlerts: z.int(),
    /** Runbooks whose symptom is present and that open an incident when their maintenance ends. */
    heldEpisodes: z.int(),
  })
  .meta({ id: 'MaintenanceList' })
