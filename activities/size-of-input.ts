import { MAX_RESULT_BYTES } from '../src/core/evidence.ts'
import type { Json } from '../src/core/json.ts'

/**
 * Whether a value may be in a result: `no` if it is too large even when each of its strings is shortened to `maxText` characters. `cut` if
 * it has a string that is longer than a result, so that only the beginning of the string is needed. Fields named in `hidden` (in lower
 * case) are replaced, so their size does not matter. This function takes a few milliseconds even for a very large value, and cleaning a
 * value that is not too large takes some tens of milliseconds at most.
 */
export function mayBeInResult(value: Json, maxText: number, hidden: ReadonlySet<string>): 'whole' | 'cut' | 'no' {
  let left = MAX_RESULT_BYTES
  let isCut = false
  const visit = (one: Json): void => {
    if (typeof one === 'string') {
      isCut ||= one.length > MAX_RESULT_BYTES
      left -= Math.min(one.length, maxText)
    } else if (Array.isArray(one)) {
      for (const item of one) {
        if (left < 0) return
        visit(item)
      }
    } else if (one !== null && typeof one === 'object') {
      for (const name in one) {
        if (left < 0) return
        left -= name.length
        if (!hidden.has(name.toLowerCase())) visit(one[name]!)
      }
    }
    // Counts the comma after each element.
    left -= 1
  }
  visit(value)
  return left < 0 ? 'no' : isCut ? 'cut' : 'whole'
}
