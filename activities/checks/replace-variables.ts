/** Kept unchanged: hosts with ports, status codes, exit codes and error codes, because they distinguish causes. */
const UNCHANGED = new RegExp(
  [
    // 127.0.0.1:5432, ml.internal:8080, localhost:3000
    String.raw`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b`,
    String.raw`\b[a-z0-9][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){1,8}:\d{1,5}\b(?!:\d)`,
    String.raw`\blocalhost:\d{1,5}\b`,
    // A host without a dot only where its context or its port shows that it is one: "order:123" is not.
    String.raw`(?<=(?:ECONN[A-Z]{1,12}|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|\bserver at|\bhost|\bconnect to|@|:\/\/)[ \x60'"]{1,2})[a-z][a-z0-9_-]{0,62}:\d{1,5}\b`,
    String.raw`(?<=@|:\/\/)[a-z][a-z0-9_-]{0,62}:\d{1,5}\b`,
    String.raw`\b[a-z][a-z0-9_-]{0,62}:(?:80|443|1433|1521|3000|3306|4222|5432|5672|6379|6432|8080|8443|9042|9092|9200|11211|15672|26379|27017)\b`,
    String.raw`\bhttp\/\d(?:\.\d)? [1-5]\d\d\b`,
    String.raw`\b(?:status|code|http|errno|error|answered|responded|replied|returned|got|received|failed with)\b(?:[ :=#("'/-]|status|code|with|http|an?\b){1,8}[1-5]\d\d\b(?! ?(?:ms|s|sec|seconds|minutes|bytes|kb|mb|rows|items|records|jobs|times|%))`,
    String.raw`\b(?:exit(?:ed)?|signal|errno)\b[ :=#(a-z]{0,14}-?\d{1,5}\b`,
    String.raw`\b(?:sqlstate|sql state|error|code)[ :=#(\["']{1,3}[0-9][0-9A-Z]{4}\b`,
    // P2002, E11000, ORA-00001
    String.raw`\b(?:[PEFW]\d{4,5}|ORA-\d{5}|TS\d{4}|ERR_[A-Z0-9_]{2,40})\b`,
  ].join('|'),
  'gi',
)
const TIME =
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?\b|\b\d\d:\d\d:\d\d(?:\.\d{1,9})?\b/g
const MAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g
const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi
const WORD = /[A-Za-z0-9_-]{6,}/g

/** The text with ids, times and numbers replaced by `<id>`, `<time>` and `<n>`. Linear: no expression can try one place again and again. */
export function replaceVariables(text: string): string {
  const dated = text.replace(MAIL, '<email>').replace(TIME, '<time>').replace(UUID, '<id>')
  let result = ''
  let from = 0
  for (const match of dated.matchAll(UNCHANGED)) {
    result += replaceIds(dated.slice(from, match.index)) + match[0]
    from = match.index + match[0].length
  }
  return result + replaceIds(dated.slice(from))
}

function replaceIds(text: string): string {
  return text.replace(WORD, replaceWord).replace(/\d+(?:\.\d+)?/g, '<n>')
}

function replaceWord(word: string): string {
  if (isId(word)) return '<id>'
  // `ord_8fK2xQ`, `job-01J9Z…`: the prefix says what it is.
  const prefixed = /^([A-Za-z]{2,12}[_-](?:live[_-]|test[_-])?)([A-Za-z0-9]{5,})$/.exec(word)
  if (prefixed && isRandom(prefixed[2]!)) return `${prefixed[1]}<id>`
  // Parts of an identifier with separators: `step-01J9ZQ4X5E-retry`.
  if (/[_-]/.test(word)) return word.replace(/[A-Za-z0-9]{12,}/g, (part) => (isId(part) ? '<id>' : part))
  return word
}

/** UUID without dashes, ObjectId, ULID, cuid, cuid2, ksuid, nanoid and other long random words. */
function isId(word: string): boolean {
  if (/^(?:0x)?[0-9a-f]{10,}$/i.test(word)) return /\d/.test(word) && /[a-z]/i.test(word)
  if (/^[0-9A-HJKMNP-TV-Z]{26}$/i.test(word)) return (word.match(/\d/g) ?? []).length >= 2
  if (/^c[a-z0-9]{24}$/.test(word)) return /\d/.test(word)
  if (/^[A-Za-z0-9]{6,}$/.test(word)) return changesOf(word) >= 3
  return word.length >= 20 && word.length <= 22 && /[A-Z]/.test(word) && /[a-z]/.test(word) && /\d/.test(word)
}

/** The part after a prefix: `8fK2xQ`, `abc123`, `3Mtw`, but not `node2`. */
function isRandom(part: string): boolean {
  if (!/[A-Za-z]/.test(part) || !/\d/.test(part)) return false
  return changesOf(part) >= 2 || /^\d/.test(part) || /\d{3}/.test(part)
}

/** How often letters and digits alternate: in names at most twice (`base64Encoded`). */
function changesOf(word: string): number {
  return [...word].filter((_, i) => i > 0 && isDigit(word, i) !== isDigit(word, i - 1)).length
}

function isDigit(word: string, i: number): boolean {
  const code = word.charCodeAt(i)
  return code >= 48 && code <= 57
}
