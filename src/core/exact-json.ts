import type { Json } from './json.ts'

/**
 * Like `JSON.parse`, but a number that a double cannot hold is kept as its text: `750727362669608961` becomes the
 * string "750727362669608961". `JSON.parse` would round this number, and a rounded id could be the id of another row.
 * Throws SyntaxError.
 */
export function parseExactJson(text: string): Json {
  // JavaScript's own parser is much faster. It refuses texts that are not JSON, and most texts contain no number of this kind.
  const value = JSON.parse(text) as Json
  return MAY_LOSE_DIGITS.test(text) ? (JSON.parse(withInexactNumbersAsText(text)) as Json) : value
}

const MAY_LOSE_DIGITS = /[\d.]{16}|\d[eE]/
const QUOTE_OR_NUMBER = /"|-?\d[\d.eE+-]*/g

function withInexactNumbersAsText(text: string): string {
  let result = ''
  let from = 0
  QUOTE_OR_NUMBER.lastIndex = 0
  for (let match = QUOTE_OR_NUMBER.exec(text); match; match = QUOTE_OR_NUMBER.exec(text)) {
    const [token] = match
    if (token === '"') QUOTE_OR_NUMBER.lastIndex = endOfString(text, match.index)
    else if (JSON_NUMBER.test(token) && !isExactNumber(token)) {
      result += `${text.slice(from, match.index)}"${token}"`
      from = match.index + token.length
    }
  }
  return result + text.slice(from)
}

/** Returns the index after the closing quote of the string that begins at `start`, or the end of the text if there is no closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text[end - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return text.length
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** Whether a double can hold this decimal number exactly enough to print the same digits. */
export function isExactNumber(text: string): boolean {
  const value = Number(text)
  if (!Number.isFinite(value)) return false
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false
  return digitsOf(text) === digitsOf(String(value))
}

/** The significant digits and the exponent: `1.50` and `15e-1` both give `15e-1`. */
function digitsOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}
