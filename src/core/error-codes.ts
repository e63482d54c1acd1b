/** Every code of an error, with what it means and what to do. `runbook explain` shows these texts. The exit code is in src/cli, the HTTP status in src/http. */
export const ERROR_CODES = {
  RUNBOOK_BAD_INPUT:
    'A value that was passed is missing or invalid. The message names the value. Correct it and try again.',
  RUNBOOK_CONFIG:
    'The configuration or a variable that it refers to cannot be used. The message names the file and the field. Correct it; "runbook doctor" checks the whole installation.',
  RUNBOOK_INVALID_RUNBOOK: 'A runbook has errors. "runbook lint" shows all of them with their places.',
  RUNBOOK_UNKNOWN_INCIDENT_TYPE:
    'No loaded runbook treats this type of incident. "runbook list --runbooks" shows the types that are known.',
  RUNBOOK_NOT_FOUND: 'There is no such incident, gate or evidence. "runbook list --all" shows all incidents.',
  RUNBOOK_CONFLICT:
    'The present state does not allow this: the incident is closed, the gate is decided, or the proposal is another one. Read the present state with "runbook show".',
  RUNBOOK_TOO_MANY_REQUESTS:
    'A limit on the number of requests was reached. The limits are in "limits" of the configuration. Wait, and try again.',
  RUNBOOK_NOT_AUTHENTICATED:
    'The caller has no valid token. Set RUNBOOK_TOKEN to the token of a person in "people" of the configuration.',
  RUNBOOK_NOT_ALLOWED: 'The caller is known but may not do this. The message names the groups, or the role, that may.',
  RUNBOOK_UNREACHABLE:
    'A database, Redis, Temporal or the API does not answer. "runbook doctor" shows which one, and what to do.',
  RUNBOOK_CHECK_FAILED:
    'A check could not run. This is stored as evidence, causes that read the check are undetermined, and the incident continues.',
  RUNBOOK_FROZEN: 'No remedy is applied while the freeze is on. "runbook unfreeze" ends it.',
  RUNBOOK_STALE:
    'The last re-check before an action was too old. The engine runs the checks again by itself, and applies the action only if the cause still holds.',
  RUNBOOK_REFUSED:
    'An action was refused: its permit, the fence of its lease, or the values that it expects did not match. The action changed nothing.',
} as const satisfies Record<string, string>

export type ErrorCode = keyof typeof ERROR_CODES
