import { scrubSecrets, type Secret } from '../../config/secret.ts'
import { ASK_DOCTOR } from '../../core/doctor-finding.ts'
import { messageOf } from '../../core/errors.ts'

/** Where a person finds the address of a login, to correct it. `field`: the field of the connection that has it. */
export function whereAddressIs(secret: Secret, field: 'read' | 'write' | 'url'): string {
  const { variable } = secret
  return variable === undefined ? `"${field}" of the connection` : `${variable}, in the environment or in .runbook/env`
}

/** The error's message without the hint to run `runbook doctor`, because the reader has just run it. */
export function reasonOf(error: unknown): string {
  return scrubSecrets(messageOf(error)).replace(ASK_DOCTOR, '')
}
