import { z } from 'zod'
import { duration } from './field-types.ts'
import { plain } from './plain.ts'
import { isCron, isTimezone } from './recurring.ts'

/** A recurring maintenance window, in which alerts and detection open no incidents. */
export const recurringMaintenance = z
  .strictObject({
    cron: plain
      .refine(isCron, 'write the start as five fields: minute, hour, day, month, weekday, such as "0 3 * * 6"')
      .describe('When it begins, as the five fields of cron, by the clock of the time zone.'),
    for: duration.describe('How long it lasts.'),
    timezone: plain
      .refine(isTimezone, 'write the name of a time zone, such as UTC or Europe/Berlin')
      .default('UTC')
      .describe('The time zone, such as `Europe/Berlin`.'),
    reason: plain.describe('Why nothing is opened; shown in `runbook maintenance list`.'),
    runbook: plain.optional().describe('Covers only incidents of this runbook.'),
    connection: plain.optional().describe('Covers only incidents of the runbooks that use this connection.'),
  })
  .refine(
    (one) => one.runbook === undefined || one.connection === undefined,
    'name a runbook or a connection, not both',
  )
