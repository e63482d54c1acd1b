import { replaceIdsInWord } from './is-id.ts'

/** Words in the message of a failed connection that come before the address of a server. */
const BEFORE_SERVER = String.raw`(?:\bE(?:CONN|HOST|NET)[A-Z]{1,12}|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|\bserver at|\bhost|\bconnect(?:ion)? to|\bdial tcp|@|:\/\/)[ \x60'"(]{0,2}`
const IP = String.raw`\d{1,3}(?:\.\d{1,3}){3}`
/** Nouns before a number which show that the number is not a status code, as in `order 404`. */
const NO_COUNTED_NOUN = String.raw`(?<!\b(?:order|user|job|item|id|row|line|page|customer|record|product|invoice|number|no\.?|batch|chunk|task|run|step)s?[ #:=]{1,2})`
const NO_UNIT = String.raw`(?! ?(?:ms|s|sec|seconds|minutes|bytes|kb|mb|rows|items|records|jobs|times|%)\b)`

/** The parts that are kept unchanged, because they distinguish causes: addresses of servers, status codes, exit codes and error codes. */
const UNCHANGED = [
  // An IPv4 address such as 127.0.0.1:5432. Ports from 32768 belong to clients, unless the message says that the address is a server's.
  String.raw`\b${IP}:(?:\d{1,4}|[12]\d{4}|3[01]\d{3})\b`,
  String.raw`(?<=${BEFORE_SERVER})${IP}(?::\d{1,5})?\b`,
  // An IPv6 address such as ::1:5432 or [fe80::1]:5432.
  String.raw`(?<=${BEFORE_SERVER})[0-9a-f]{0,4}:[0-9a-f:.]{1,45}:\d{1,5}\b`,
  String.raw`\[[0-9a-f]{0,4}:[0-9a-f:.%]{1,45}\]:\d{1,5}\b`,
  // A host name such as ml.internal:8080 or localhost:3000.
  String.raw`\b[a-z0-9][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){1,8}:\d{1,5}\b(?!:\d)`,
  String.raw`\blocalhost:\d{1,5}\b`,
  // A host without a dot is recognised only if the text around it or its port shows that it is a host, because "order:123" is not.
  String.raw`(?<=${BEFORE_SERVER})[a-z][a-z0-9_-]{0,62}:\d{1,5}\b`,
  String.raw`\b[a-z][a-z0-9_-]{0,62}:(?:80|443|1433|1521|3000|3306|4222|5432|5672|6379|6432|8080|8443|9042|9092|9200|11211|15672|26379|27017)\b`,
  String.raw`\bhttp\/\d(?:\.\d)? [1-5]\d\d\b`,
  String.raw`\b(?:status|code|http|errno|error|answered|responded|replied|returned|got|received|failed with)\b(?:[ :=#("'/-]|status|code|with|http|an?\b){1,8}[1-5]\d\d\b${NO_UNIT}`,
  String.raw`(?<=(?:^|[^\w\]])\[)[45]\d\d(?=\])`,
  String.raw`\b(?:exit(?:ed)?|signal|errno)\b[ :=#(a-z]{0,14}-?\d{1,5}\b`,
  String.raw`\b(?:sqlstate|sql state|error|code)[ :=#(\["']{1,3}[0-9][0-9A-Z]{4}\b`,
  String.raw`\b(?:error|err|result|return|close|exit)[ _-]?code[ :=#("']{1,3}-?\d{1,5}\b${NO_UNIT}`,
  // The codes with which a web socket is closed.
  String.raw`\bclosed?(?: with)?(?: code)?[ :=("']{1,3}[14]\d{3}\b${NO_UNIT}`,
  // Error codes such as P2002, E11000, ORA-00001, ERR-1001 and 0x80070005.
  String.raw`\b(?:[PEFW]\d{4,5}|ORA-\d{5}|TS\d{4}|(?:E|ERR|ERROR)[_-]\d{2,6}|ERR_[A-Z0-9_]{2,40}|0x[89C][0-9A-F]{7})\b`,
]
/** In a message about a request, a number such as 404 is its status. */
const STATUS = String.raw`(?<![\w.#/:<-])${NO_COUNTED_NOUN}[45]\d\d(?![\w./>-])${NO_UNIT}`
const KEPT = new RegExp(UNCHANGED.join('|'), 'gi')
const KEPT_OF_REQUEST = new RegExp([...UNCHANGED, STATUS].join('|'), 'gi')
const IS_REQUEST =
  /\b(?:https?|fetch|request|response|GET|POST|PUT|PATCH|DELETE|HEAD|API|webhook|axios|StatusCodeError)\b/i

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}'
const CLOCK = String.raw`\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AP]M\b)?`
const ZONE = String.raw`(?: ?(?:Z|UTC|GMT)?(?:[+-]\d\d:?\d\d)?(?: \([A-Za-z ]{3,40}\))?)`
const TIMES = new RegExp(
  [
    String.raw`\b\d{4}-\d\d-\d\d(?:[T ]${CLOCK})?${ZONE}(?![\w])`,
    // Dates such as "Fri, 27 Nov 2026 10:11:12 GMT", "Fri Nov 27 2026 10:11:12 GMT+0000 (Coordinated Universal Time)" and "Nov 27, 2026".
    String.raw`\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?(?:\d{1,2} ${MONTH}|${MONTH} \d{1,2}),? (?:\d{4},? ?)?(?:${CLOCK})?${ZONE}(?![\w])`,
    // Dates and times such as "27/11/2026 10:11", "11.27.2026" and "10:11:12 AM".
    String.raw`\b\d{1,2}([/.])\d{1,2}\1\d{4}(?:,? ${CLOCK})?`,
    String.raw`\b\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\b`,
  ].join('|'),
  'g',
)

/** The replacements, in the order in which they are made. The repetitions in each expression are bounded, so that the time stays linear. */
const REPLACED: [RegExp, string][] = [
  // The address of the client in a connection.
  [/\bLocal \([^()]{1,60}\)/g, 'Local (<ip>)'],
  [/\b(tcp|udp) [\w.:[\]-]{3,60}->/g, '$1 <ip>->'],
  // The address of a server with a user name, such as postgres://app@db.internal:5432, is not an e-mail address.
  [
    /(?<!\/\/[^\s/@]{0,80})(?<![\p{L}\p{N}_])[\p{L}\p{N}_][\p{L}\p{N}.%+'_-]{0,63}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}[\p{L}\p{N}-]{1,62}(?![\p{L}\p{N}-]|:\d)/gu,
    '<email>',
  ],
  [TIMES, '<time>'],
  [/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi, '<id>'],
  [/\beyJ[\w-]{5,2000}(?:\.[\w-]{1,4000}){1,2}/g, '<token>'],
  [/(?<![\w.])\+\d[\d ().-]{6,18}\d/g, '<phone>'],
  // The value that a database refuses, in the database's message.
  [/(\bKey \([^()]{1,200}\)=)\([^\n]{1,300}?\)(?= (?:already|is|conflicts|does)\b|$)/gm, '$1(<value>)'],
  [/(\b(?:Duplicate entry|Incorrect \w{1,20} value:?) )'[^\n]{0,300}?'(?= for (?:key|column)\b)/g, "$1'<value>'"],
  [/(\bdup key: \{)[^{}\n]{1,300}\}/g, '$1<value>}'],
  [/(\binvalid input (?:syntax for type [\w ]{1,40}|value for enum [\w."]{1,80}): )"[^\n]{0,300}?"/g, '$1"<value>"'],
  // The text that JSON.parse could not parse, in its message.
  [/\bUnexpected token .{1,40}? (in JSON at position|is not valid JSON)/g, 'Unexpected token <value> $1'],
  // Parameters of a URL, and ids after a name.
  [/([?&][\w.%[\]-]{1,60}=)[^\s&#"'<>)\]]{1,500}/g, '$1<value>'],
  [
    /(\b(?:request|trace|correlation|span|session|transaction|x-amzn-request)[ _-]?id["']?[:= ]{1,3}["']?)[\w+/=.:-]{4,200}/gi,
    '$1<id>',
  ],
  // Messages of BullMQ itself.
  [/(\bfor job )[\w:-]{0,200}\d[\w:-]{0,200}/g, '$1<id>'],
  // A file name that contains blanks was chosen by a person.
  [/(['"](?:[A-Za-z]:)?[\\/][^'"\n]{0,300}?[\\/])[^'"\\/\n]{0,100} [^'"\\/\n]{0,100}(?=['"])/g, '$1<file>'],
]

/** Replacements that are made only in the text between the parts that are kept unchanged. */
const REPLACED_LAST: [RegExp, string][] = [
  [new RegExp(String.raw`\b${IP}(?::\d{1,5})?\b`, 'g'), '<ip>'],
  [/(?<![\w:])(?=[0-9a-f:]{0,40}\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])/gi, '<ip>'],
  // Durations and sizes such as 1h2m3s, 250ms and 1.2MB.
  [/(?<![\w.-])-?(?:\d{1,15}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|min|h|d)){1,5}(?![\w-])/g, '<duration>'],
  [/(?<![\w.])\d{1,15}(?:[.,]\d{1,9})? ?(?:k|m|g|t)i?b\b/gi, '<size>'],
]
const WORD = /[A-Za-z0-9_-]{6,}/g
const NUMBER =
  /(?<![\p{L}\p{N}_>)])-?\p{Nd}{1,3}(?:,\p{Nd}{3})+(?:\.\p{Nd}+)?|(?:(?<![\p{L}\p{N}_>)])-)?\p{Nd}+(?:\.\p{Nd}+)?(?:e[+-]?\d+\b)?/gu

/** Replaces ids, times, numbers and similar parts of the text by `<id>`, `<time>`, `<n>` and so on. Takes linear time. */
export function replaceVariables(text: string): string {
  const replaced = replaceAll(text, REPLACED)
  const kept = IS_REQUEST.test(replaced) ? KEPT_OF_REQUEST : KEPT
  let result = ''
  let from = 0
  for (const match of replaced.matchAll(kept)) {
    result += replaceIds(replaced.slice(from, match.index)) + match[0]
    from = match.index + match[0].length
  }
  return result + replaceIds(replaced.slice(from))
}

function replaceIds(text: string): string {
  return replaceAll(text, REPLACED_LAST).replace(WORD, replaceIdsInWord).replace(NUMBER, '<n>')
}

function replaceAll(text: string, rules: [RegExp, string][]): string {
  return rules.reduce((result, [pattern, by]) => result.replace(pattern, by), text)
}
