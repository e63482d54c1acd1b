import type { JsonObject } from '../../src/core/json.ts'

const FIRST = /^(?:time|ts|t|timestamp|level|lvl|severity|msg)=/
const PAIR = /([\w.@-]{1,100})=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"=]*))(?:\s+|$)/y

/** The fields of a logfmt line, such as `time=… level=error msg="job failed"`; undefined for a line that is not one. */
export function parseLogfmt(text: string): JsonObject | undefined {
  if (!FIRST.test(text)) return undefined
  const object: JsonObject = Object.create(null)
  PAIR.lastIndex = 0
  for (let end = 0; end < text.length; end = PAIR.lastIndex) {
    const pair = PAIR.exec(text)
    if (!pair) return undefined
    const [, name, quoted, plain] = pair
    object[name!] = quoted === undefined ? plain! : quoted.replace(/\\([\s\S])/g, unescaped)
  }
  return { ...object }
}

function unescaped(_: string, character: string): string {
  return character === 'n' ? '\n' : character === 't' ? '\t' : character
}
