import { inspect } from 'node:util'
import { RunbookError } from '../core/errors.ts'

const HIDDEN = '***'

/**
 * A value that is never printed: text, JSON and `inspect` show `***`. Its references to the environment are resolved when the
 * configuration is read. A missing variable is an error only when the value is used.
 */
export class Secret {
  /** The variable, when the whole value is one reference: `${MAESTRO_DB_READ}` → `MAESTRO_DB_READ`. */
  readonly variable: string | undefined
  /** What the secret is for, shown to people: `connection maestro-db (read)`. */
  readonly purpose: string
  /**
   * Whether the secret is a common word, or also the host, user or database in its address. Such a secret is hidden only where it is a
   * whole credential, because hiding the word in every text would make ids, hosts and reasons wrong.
   */
  readonly isCommonWord: boolean = false
  readonly #value: string
  readonly #missing: string[]

  /** `text` is the text in the file; `missing` are its variables that the environment does not have. */
  constructor(text: string, purpose: string, value: string, missing: string[]) {
    this.variable = WHOLE_REFERENCE.exec(text)?.[1]
    this.purpose = purpose
    this.#value = value
    this.#missing = missing
    if (missing.length > 0) return
    const names = namesInAddress(value)
    for (const part of secretParts(value, this.variable, purpose)) {
      const isWord = isCommonWord(part, names)
      if (isWord) this.isCommonWord = true
      addSecret(part, isWord)
    }
  }

  /** Whether every variable of the secret is set. */
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

/** Returns the text with each `${NAME}` replaced from the environment. An empty variable counts as not set. */
export function resolveSecret(text: string, purpose: string, environment: Record<string, string>): Secret {
  const missing: string[] = []
  const value = text.replace(REFERENCE, (_, name: string) => {
    const found = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (!found) missing.push(name)
    return found ?? ''
  })
  return new Secret(text, purpose, value, missing)
}

/** The text with every reference replaced by `word`, so that the rest can be checked for a literal secret. */
export function withoutReferences(text: string, word = ''): string {
  return text.replace(REFERENCE, word)
}

/** The secrets that this process knows, longest first, so that a secret that contains a shorter secret is replaced as a whole. */
const secrets: string[] = []
let secretPattern: RegExp | undefined

/** Secrets that are common words. */
const words = new Set<string>()
let wordPattern: RegExp | undefined

function addSecret(value: string, isWord: boolean): void {
  if (isWord) {
    if (words.has(value)) return
    words.add(value)
    // Matches a common word after a field's name, such as `password: postgres` or `"dbPassword":"postgres"`.
    wordPattern = new RegExp(
      `(${SECRET_NAME.source})(\\w{0,20}["']?\\s{0,3}[:=]\\s{0,3}["']?)(?:${alternatives([...words])})(?![\\w-])`,
      'gi',
    )
    return
  }
  if (value.length < MIN_LENGTH || secrets.includes(value)) return
  secrets.push(value)
  secrets.sort((a, b) => b.length - a.length)
  secretPattern = new RegExp(alternatives(secrets), 'g')
}

function alternatives(texts: string[]): string {
  return texts.map((one) => one.replace(/[^A-Za-z0-9]/g, '\\$&')).join('|')
}

/**
 * Matches a word with at most four digits after it, such as `postgres` or `Password123`. A value with five consonants in a row is random
 * and not a word.
 */
function isCommonWord(text: string, names: string[]): boolean {
  if (text.length < 3) return false
  if (names.includes(text.toLowerCase())) return true
  return text.length <= 20 && /^(?:[A-Z]?[a-z]+|[A-Z]+)\d{0,4}$/.test(text) && !/[b-df-hj-np-tv-xz]{5}/i.test(text)
}

/** Returns the scheme, user, host, labels of the host, and path of an address, in lower case. */
function namesInAddress(value: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || !URL.canParse(value)) return []
  const { protocol, username, hostname, pathname } = new URL(value)
  const names = [
    protocol.replace(':', ''),
    safelyDecoded(username),
    hostname,
    ...hostname.split('.'),
    pathname.slice(1),
  ]
  return names.filter((name) => name !== '').map((name) => name.toLowerCase())
}

/** Whether a field of this name with this text holds a secret that is a common word. */
export function isNamedSecret(name: string, text: string): boolean {
  return words.has(text) && SECRET_NAME.test(name)
}

/** The minimum length of a secret. Shorter values are not treated as secrets, because they also occur inside ordinary words. */
const MIN_LENGTH = 8
const SECRET_NAME = /pass|secret|token|key|cred|auth/i

/** The parts of a value that must stay secret. In an address, this is only the password. */
function secretParts(value: string, variable: string | undefined, purpose: string): string[] {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value) && URL.canParse(value)) {
    const { password, pathname, search } = new URL(value)
    // The path of a webhook is a secret, because everybody who knows it can post to the webhook.
    if (purpose.startsWith('channel')) return [`${pathname}${search}`]
    return [password, safelyDecoded(password)]
  }
  // The variables of a command may also be settings, such as a folder or a prefix. The name of a variable shows whether it is a secret.
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
 * Makes a text from any source (a client's error, a row, a command's output) safe to store and show: the secrets of this process become
 * `***`, and so does everything that looks like a secret: the password in an address, `token=…`, `Bearer …`.
 */
export function scrubSecrets(text: string): string {
  const known = secretPattern ? text.replace(secretPattern, HIDDEN) : text
  const named = wordPattern ? known.replace(wordPattern, `$1$2${HIDDEN}`) : known
  return (
    named
      // The repetitions are bounded, because the text may be long: the search must take linear time.
      .replace(/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}):[^\s/]{0,500}@/gi, `$1:${HIDDEN}@`)
      .replace(/\b(password|passwd|secret|token|api_?key)=[^\s&;,'"]+/gi, `$1=${HIDDEN}`)
      .replace(/\b(bearer|basic) [A-Za-z0-9+/=._~-]{8,}/gi, `$1 ${HIDDEN}`)
      .replace(/hooks\.slack\.com\/\S+/gi, `hooks.slack.com/${HIDDEN}`)
  )
}
