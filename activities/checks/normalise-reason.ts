const MAX_LENGTH = 300

/** Kept unchanged: `127.0.0.1:5432`, `ml.internal:8080`, and a status code after a word such as `status`. */
const UNCHANGED =
  /\b(?:\d{1,3}(?:\.\d{1,3}){3}|[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*)(?::\d{1,5})\b|\b(?:status|code|http)[ :=a-z]{0,8}[1-5]\d\d\b/gi
const ID = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{12,}\b/gi
const TIME = /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/g

/**
 * A failure's reason without the parts that differ between jobs: ids, times and numbers become `<id>`, `<time>`, `<n>`. Hosts with ports
 * and status codes are kept, because they distinguish causes. The first line only, at most 300 characters.
 */
export function normaliseReason(reason: string): string {
  const line = reason.trim().split(/\r?\n/, 1)[0]!.slice(0, MAX_LENGTH)
  const dated = line.replace(TIME, '<time>')
  let text = ''
  let from = 0
  for (const match of dated.matchAll(UNCHANGED)) {
    text += replaceNumbers(dated.slice(from, match.index)) + match[0]
    from = match.index + match[0].length
  }
  return text + replaceNumbers(dated.slice(from))
}

function replaceNumbers(text: string): string {
  return text.replace(ID, '<id>').replace(/\d+(?:\.\d+)?/g, '<n>')
}
