/** The period of a report about incidents, as a person writes it: a duration, and a time zone for months and nights. */
export interface InsightRequest {
  since: string
  zone: string
}

export const DEFAULT_PERIOD: InsightRequest = { since: '90d', zone: 'UTC' }
