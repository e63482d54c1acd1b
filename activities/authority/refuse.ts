import { RunbookError } from '../../src/core/errors.ts'

/** An activity was asked for something that does not follow from the incident's plan and stored evidence. Never tried again. */
export function refuse(incident: string, what: string): never {
  throw new RunbookError(
    'RUNBOOK_REFUSED',
    `${incident}: ${what}. The request does not follow from the incident's plan and stored evidence, so nothing was done. If nobody tampered with Temporal, report this as a bug in the engine.`,
  )
}
