import { inspect } from 'node:util'
import { RunbookError } from '../core/errors.ts'

const HIDDEN = '***'

/**
 * A value that is never printed: text, JSON and `inspect` show `***`. Its references to the environment are resolved when the
 * configuration is read; what is missing is an error only when somebody needs the value.
 */
export class Secret {
  /** The variable, when the whole value is one reference: `${MAESTRO_DB_READ}` → `MAESTRO_DB_READ`. */
  readonly variable: string | undefined
  /** For people: `connection maestro-db (read)`. */
  readonly purpose: string
  readonly #value: string
  readonly #missing: string[]

  /** `text` as it stands in the file; `missing` are its variables that the environment does not have. */
  constructor(text: string, purpose: string, value: string, missing: string[]) {
    this.variable = WHOLE_REFERENCE.exec(text)?.[1]
    this.purpose = purpose
    this.#value = value
    this.#missing = missing
  }

  /** Whether every variable is set. */
  get known(): boolean {
    return this.#missing.length === 0
  }

  /** The value. Throws RunbookError `RUNBOOK_CONFIG` naming the variable that is not set, and what it is for. */
  reveal(): string {
    if (this.#missing.length === 0) return this.#value
    const names = this.#missing.join(' and ')
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `${this.purpose}: ${names} is not set. Set it in the environment or in .runbook/env.`,
      { variables: this.#missing },
    )
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g
const WHOLE_REFERENCE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/

/** A text with its `${NAME}` replaced from the environment. An empty variable counts as not set. */
export function resolveSecret(text: string, purpose: string, environment: Record<string, string>): Secret {
  const missing: string[] = []
  const value = text.replace(REFERENCE, (_, name: string) => {
    const found = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (!found) missing.push(name)
    return found ?? ''
  })
  return new Secret(text, purpose, value, missing)
}

/** Every reference replaced by one word, so that what is left can be looked at for a literal secret. */
export function withoutReferences(text: string, word = ''): string {
  return text.replace(REFERENCE, word)
}

/** Error messages of clients may quote the address they were given: the password in it is replaced by `***`. */
export function scrubSecrets(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/]*@/gi, `$1:${HIDDEN}@`)
    .replace(/\b(password|passwd|secret|token|api_?key)=[^\s&;,'"]+/gi, `$1=${HIDDEN}`)
    .replace(/\b(bearer|basic) [A-Za-z0-9+/=._~-]{8,}/gi, `$1 ${HIDDEN}`)
    .replace(/hooks\.slack\.com\/\S+/gi, `hooks.slack.com/${HIDDEN}`)
}
