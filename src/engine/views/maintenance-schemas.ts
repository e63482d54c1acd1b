import { z } from 'zod'
import { time } from './schema-parts.ts'

/** A maintenance window: a time in which alerts and detection open no incidents. */
export const maintenanceView = z
  .object({
    /** The id of the window; null for a recurring window of the configuration. */
    id: z.string().nullable(),
    /** The times at which a recurring window begins; null for a window that a person started. */
    recurs: z.string().nullable(),
    /** The runbook or connection that the window covers; both are null if it covers everything. */
    runbook: z.string().nullable(),
    connection: z.string().nullable(),
    reason: z.string(),
    person: z.string().nullable(),
    /** When the window that is active or comes next begins and ends. */
    startsAt: time,
    endsAt: time,
    /** The person who ended the window early. */
    endedBy: z.string().nullable(),
    isActive: z.boolean(),
  })
  .meta({ id: 'Maintenance' })

export const maintenanceList = z
  .object({
    maintenance: z.array(maintenanceView),
    /** The alerts that still fire and open their incidents when their maintenance window ends. */
    heldAlerts: z.int(),
    /** The runbooks whose symptom is present and that open an incident when their maintenance window ends. */
    heldEpisodes: z.int(),
  })
  .meta({ id: 'MaintenanceList' })
