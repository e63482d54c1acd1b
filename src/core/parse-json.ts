import type { Json } from './json.ts'

/** The maximum depth of nesting. Deeper values are refused, because functions that visit them recursively would run out of stack. */
const MAX_DEPTH = 100
const [QUOTE, BACKSLASH, MINUS, ZERO, NINE] = [0x22, 0x5c, 0x2d, 0x30, 0x39]
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * The value of a JSON text from outside, or undefined if it is not JSON or cannot be kept unchanged: a number such as 1e999, or more than
 * 100 levels of nesting. A whole number beyond 2^53 becomes a string of its exact digits. Takes linear time.
 */
export function parseOutsideJson(text: string): Json | undefined {
  const safe = withExactNumbers(text)
  if (safe === undefined) return undefined
  try {
    return JSON.parse(safe) as Json
  } catch {
    return undefined
  }
}

/** Returns the text with unsafe whole numbers in quotes. Undefined if a number is infinite or the nesting is too deep. */
function withExactNumbers(text: string): string | undefined {
  let depth = 0
  let result = ''
  let copied = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = endOfString(text, i)
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) return undefined
    } else if (code === 0x7d || code === 0x5d) {
      depth--
    } else if (code === MINUS || isDigit(code)) {
      let end = i + 1
      while (isDigit(text.charCodeAt(end))) end++
      // A whole number with few digits is always safe.
      if (end - i <= 15 && !/[.eE]/.test(text[end] ?? '')) {
        i = end - 1
        continue
      }
      NUMBER.lastIndex = i
      const number = NUMBER.exec(text)?.[0]
      if (number === undefined) continue
      // Two numbers without a comma between them are not valid JSON.
      if (text[i + number.length] === '.') return undefined
      const value = Number(number)
      if (!Number.isFinite(value)) return undefined
      if (Math.abs(value) > Number.MAX_SAFE_INTEGER && /^-?\d+$/.test(number)) {
        result += `${text.slice(copied, i)}"${number}"`
        copied = i + number.length
      }
      i += number.length - 1
    }
  }
  return result + text.slice(copied)
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

/** Returns the index of the closing quote, or of the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === BACKSLASH) i++
    else if (code === QUOTE) return i
  }
  return text.length
}
