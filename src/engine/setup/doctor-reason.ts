import { scrubSecrets } from '../../config/secret.ts'
import { ASK_DOCTOR } from '../../core/doctor-finding.ts'
import { messageOf } from '../../core/errors.ts'

/** Without the hint to run the doctor, which the reader has just done. */
export function reasonOf(error: unknown): string {
  return scrubSecrets(messageOf(error)).replace(ASK_DOCTOR, '')
}
