import { z } from 'zod'
import { feedbackView, followUpView } from '../engine/views/review-schemas.ts'
import { runbookVersion, runbookView } from '../engine/views/runbook-schemas.ts'
import { jsonObject } from '../engine/views/schema-parts.ts'
import { control, fileStatus, incidentSummary, openGate } from '../engine/views/view-schemas.ts'

/** The schemas of responses that only the HTTP layer has. The other response schemas are in src/engine/views. */

export const incidentList = z
  .object({ incidents: z.array(incidentSummary), next: z.string().nullable(), files: fileStatus })
  .meta({ id: 'IncidentList', description: '`next` is the cursor of the next page; null on the last one.' })

export const controlList = z.object({ controls: z.array(control) }).meta({ id: 'ControlList' })

export const gateList = z
  .object({
    gates: z.array(openGate),
    /** Ids of open gates whose proposals were changed after they were stored and cannot be read. */
    unreadable: z.array(z.string()),
  })
  .meta({ id: 'GateList' })

export const runbookList = z.object({ runbooks: z.array(runbookView), files: fileStatus }).meta({ id: 'RunbookList' })

export const versionList = z.object({ versions: z.array(runbookVersion) }).meta({ id: 'RunbookVersionList' })

export const followUpList = z.object({ followUps: z.array(followUpView) }).meta({ id: 'FollowUpList' })

export const feedbackList = z.object({ feedback: z.array(feedbackView) }).meta({ id: 'FeedbackList' })

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ example: 'RUNBOOK_NOT_FOUND' }),
    data: jsonObject.optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' })
