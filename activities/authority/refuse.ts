import { RunbookError } from '../../src/core/errors.ts'

/**
 * Throws the error for a request that does not follow from the incident's plan and stored evidence. Temporal does not repeat such a
 * request.
 */
export function refuse(incident: string, what: string): never {
  throw new RunbookError(
    'RUNBOOK_REFUSED',
    `${incident}: ${what}. The request does not follow from the incident's plan and stored evidence, so nothing was done. If nobody tampered with Temporal, report this as a bug in the engine.`,
  )
}
