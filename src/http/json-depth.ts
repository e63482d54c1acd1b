import type { Context, Next } from 'hono'
import { RunbookError } from '../core/errors.ts'

/**
 * The maximum depth of a request body. No input needs nearly as much. The limit exists because functions that visit a value call themselves
 * once for each level.
 */
const MAX_DEPTH = 64

/** Refuses a JSON body that is nested too deeply, before any code parses it. */
export async function refuseDeepJson(c: Context, next: Next): Promise<void> {
  if (/\bjson\b/i.test(c.req.header('content-type') ?? '') && depthOf(await c.req.text()) > MAX_DEPTH)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `the request body is nested more than ${MAX_DEPTH} levels deep`)
  await next()
}

/** The depth to which arrays and objects are nested in a JSON text. Brackets within strings do not count. */
export function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (inString) {
      if (character === '\\') at += 1
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '[' || character === '{') deepest = Math.max(deepest, (depth += 1))
    else if (character === ']' || character === '}') depth -= 1
  }
  return deepest
}
