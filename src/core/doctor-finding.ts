/** One line of `runbook doctor`. */
export interface DoctorFinding {
  name: string
  /** Nothing needs to be fixed. */
  ok: boolean
  /** Not an error, but worth knowing. */
  warning?: true
  detail: string
  /** How to fix it. */
  fix?: string
}

/** Ends the error messages about unreachable services. `runbook doctor` itself removes it. */
export const ASK_DOCTOR = '; is it up ("runbook doctor")?'
