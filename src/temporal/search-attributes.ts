import type { Connection } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

export const INCIDENT_TYPE = defineSearchAttributeKey('RunbookIncidentType', SearchAttributeType.KEYWORD)
const OUTCOME = defineSearchAttributeKey('RunbookOutcome', SearchAttributeType.KEYWORD)

const KEYWORD = 2 // temporal.api.enums.v1.IndexedValueType

/**
 * Registers the search attributes by which people find incidents in Temporal's UI. Must run before the first start: starting a workflow
 * with an attribute that is not registered fails.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const there = await connection.operatorService.listSearchAttributes({ namespace })
  const missing = [INCIDENT_TYPE, OUTCOME].filter((key) => !(key.name in (there.customAttributes ?? {})))
  if (missing.length === 0) return
  const searchAttributes = Object.fromEntries(missing.map((key) => [key.name, KEYWORD]))
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes }).catch((error: unknown) => {
    // Another process registered them in the meantime.
    if (!/already exists|ALREADY_EXISTS/i.test(String(error))) throw error
  })
}
