/** One line of `runbook doctor`. */
export interface DoctorFinding {
  name: string
  /** True if nothing needs to be fixed. */
  ok: boolean
  /** True if this is not an error but worth knowing. */
  warning?: true
  detail: string
  /** How to fix the problem. */
  fix?: string
}

/** The end of error messages about unreachable services. `runbook doctor` removes it from its own output. */
export const ASK_DOCTOR = '; is it up ("runbook doctor")?'
