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
    if (missing.length === 0) for (const part of telling(value, this.variable, purpose)) keepQuiet(part)
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

/** What this process knows to be secret: longest first, so that none is cut by one that it contains. */
const quiet: string[] = []
let quietPattern: RegExp | undefined

function keepQuiet(value: string): void {
  if (value.length < SHORTEST || quiet.includes(value)) return
  quiet.push(value)
  quiet.sort((a, b) => b.length - a.length)
  quietPattern = new RegExp(quiet.map((one) => one.replace(/[^A-Za-z0-9]/g, '\\$&')).join('|'), 'g')
}

/** A shorter one would be found in the midst of words. */
const SHORTEST = 8
const SECRET_NAME = /pass|secret|token|key|cred|auth/i

/** The part of a value that must not be told: an address may be known, the password in it not. */
function telling(value: string, variable: string | undefined, purpose: string): string[] {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value) && URL.canParse(value)) {
    const { password, pathname, search } = new URL(value)
    // A webhook's path is its password.
    if (purpose.startsWith('channel')) return [`${pathname}${search}`]
    return [password, safelyDecoded(password)]
  }
  // Commands are given settings too, a folder or a prefix: of these the name tells.
  const isSetting = purpose.endsWith('(environment)') && !SECRET_NAME.test(variable ?? '')
  return isSetting || value.startsWith('sha256:') ? [] : [value]
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * A text that may come from anywhere (a client's error, a row, a command's output) as it may be stored and shown: secrets that this
 * process was given are replaced by `***`, and so is what looks like one: the password in an address, `token=…`, `Bearer …`.
 */
export function scrubSecrets(text: string): string {
  const known = quietPattern ? text.replace(quietPattern, HIDDEN) : text
  return (
    known
      // Bounded, since texts may be long and anybody's: this must not look back further than an address is long.
      .replace(/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}):[^\s/]{0,500}@/gi, `$1:${HIDDEN}@`)
      .replace(/\b(password|passwd|secret|token|api_?key)=[^\s&;,'"]+/gi, `$1=${HIDDEN}`)
      .replace(/\b(bearer|basic) [A-Za-z0-9+/=._~-]{8,}/gi, `$1 ${HIDDEN}`)
      .replace(/hooks\.slack\.com\/\S+/gi, `hooks.slack.com/${HIDDEN}`)
  )
}
