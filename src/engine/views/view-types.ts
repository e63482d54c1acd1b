import type { z } from 'zod'
import type * as alertSchemas from './alert-schemas.ts'
import type * as connectionSchemas from './connection-schemas.ts'
import type * as detectionSchemas from './detection-schemas.ts'
import type * as gateSchemas from './gate-schemas.ts'
import type * as insightSchemas from './insight-schemas.ts'
import type * as maintenanceSchemas from './maintenance-schemas.ts'
import type * as reviewSchemas from './review-schemas.ts'
import type * as runbookSchemas from './runbook-schemas.ts'
import type * as schemas from './view-schemas.ts'

/** The types of the views, inferred from their schemas. Code that does not need the schemas at run time imports the types from here. */

export type IncidentSummary = z.infer<typeof schemas.incidentSummary>
export type IncidentView = z.infer<typeof schemas.incidentView>
export type ShownIncident = z.infer<typeof schemas.shownIncident>
export type RunbookVersion = z.infer<typeof runbookSchemas.runbookVersion>
export type RoundView = z.infer<typeof schemas.roundView>
export type CheckView = z.infer<typeof schemas.checkView>
export type GateView = z.infer<typeof gateSchemas.gateView>
export type TimelineEntry = z.infer<typeof schemas.timelineEntry>
export type Review = z.infer<typeof schemas.review>
export type EvidenceView = z.infer<typeof schemas.evidenceView>
export type OpenGate = z.infer<typeof schemas.openGate>
export type RunbookStatistics = z.infer<typeof runbookSchemas.runbookStatistics>
export type RunbookView = z.infer<typeof runbookSchemas.runbookView>
export type AlertView = z.infer<typeof alertSchemas.alertView>
export type DeliveryAnswer = z.infer<typeof alertSchemas.deliveryAnswer>
export type AlertExplanations = z.infer<typeof alertSchemas.alertExplanations>
export type EpisodeView = z.infer<typeof detectionSchemas.episodeView>
export type DetectorView = z.infer<typeof detectionSchemas.detectorView>
export type DetectionReport = z.infer<typeof detectionSchemas.detectionReport>
export type FollowUpView = z.infer<typeof reviewSchemas.followUpView>
export type FeedbackView = z.infer<typeof reviewSchemas.feedbackView>
export type DeviationView = z.infer<typeof reviewSchemas.deviationView>
export type RecurrenceView = z.infer<typeof reviewSchemas.recurrenceView>
export type MaintenanceView = z.infer<typeof maintenanceSchemas.maintenanceView>
export type MaintenanceList = z.infer<typeof maintenanceSchemas.maintenanceList>
export type Insights = z.infer<typeof insightSchemas.insights>
export type InsightGroup = z.infer<typeof insightSchemas.insightGroup>
export type ConnectionView = z.infer<typeof connectionSchemas.connectionView>
export type ConnectionStatus = z.infer<typeof connectionSchemas.connectionList>['connections'][number]
export type ReadView = ConnectionView['reads'][string]
