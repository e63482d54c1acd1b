import { scrubSecrets } from '../../config/secret.ts'
import { ASK_DOCTOR } from '../../core/doctor-finding.ts'
import { messageOf } from '../../core/errors.ts'

/** The error's message without the hint to run `runbook doctor`, because the reader has just run it. */
export function reasonOf(error: unknown): string {
  return scrubSecrets(messageOf(error)).replace(ASK_DOCTOR, '')
}
