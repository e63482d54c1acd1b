/** One line of `runbook doctor`. */
export interface DoctorFinding {
  name: string
  /** Nothing has to be done. */
  ok: boolean
  /** It may be as it should be, but a person had better know. */
  warning?: true
  detail: string
  /** What to do when it is not as it should be. */
  fix?: string
}

/** Behind the message of an error for people. The doctor, who is asked then, leaves it out. */
export const ASK_DOCTOR = '; is it up ("runbook doctor")?'
