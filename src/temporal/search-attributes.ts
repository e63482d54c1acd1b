import type { Connection } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

export const INCIDENT_TYPE = defineSearchAttributeKey('RunbookIncidentType', SearchAttributeType.KEYWORD)
const OUTCOME = defineSearchAttributeKey('RunbookOutcome', SearchAttributeType.KEYWORD)

const KEYWORD = 2 // temporal.api.enums.v1.IndexedValueType

/** gRPC codes with which a server refuses its OperatorService: Temporal Cloud, and servers with the default authorizer. */
const [PERMISSION_DENIED, UNIMPLEMENTED] = [7, 12]

/**
 * Registers the search attributes by which people find incidents in Temporal's UI, and returns whether the namespace has them. Call it
 * before the first workflow is started, because starting a workflow with an attribute that is not registered fails. Returns false if the
 * server does not let this client see or register the attributes; incidents then run without them.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<boolean> {
  const missing = await missingSearchAttributes(connection, namespace)
  if (missing === undefined || missing.length === 0) return missing !== undefined
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]))
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
  } catch (error) {
    if (isNotPermitted(error)) return false
    // Another process registered them in the meantime.
    if (!/already exists|ALREADY_EXISTS/i.test(String(error))) throw error
  }
  return true
}

/** The engine's search attributes that the namespace lacks; undefined if the server does not let this client see them. */
export async function missingSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<string[] | undefined> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
    return [INCIDENT_TYPE, OUTCOME].map(({ name }) => name).filter((name) => !(name in (customAttributes ?? {})))
  } catch (error) {
    if (isNotPermitted(error)) return undefined
    throw error
  }
}

function isNotPermitted(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === PERMISSION_DENIED || code === UNIMPLEMENTED
}
