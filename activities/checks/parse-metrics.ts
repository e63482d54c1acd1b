import { MAX_ROWS } from '../../src/core/evidence.ts'
import { parseTime } from './parse-time.ts'
import { Turns } from './turns.ts'

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export interface Metrics {
  /** The samples, at most 501: one more than a result keeps, so that a truncated result is recognised. */
  samples: Sample[]
  /** The names that have a sample, even if the value of the sample is not a finite number. */
  present: Set<string>
  /**
   * Lines about the named metrics that cannot be used: malformed, a value that is NaN or infinite, a second value of one series, or a
   * value whose own time is not now.
   */
  unparsed: number
  /** How many samples have a time of their own that is far from now. */
  outdated: number
  /** Whether the text has a sample or a comment of the metrics format. If not, it is a page of another kind. */
  isExposition: boolean
  /** Whether the text ends with `# EOF`, as OpenMetrics requires. */
  hasEnd: boolean
}

/** The maximum number of samples: one more than a result keeps. */
const MAX_SAMPLES = MAX_ROWS + 1
/** A line with more characters than this counts as malformed. */
const MAX_LINE_LENGTH = 64 * 1024
/** A value that is older is out of date, as it is for Prometheus. A time this much later than now is wrong. */
const MAX_AGE_MS = 300_000
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_.]*/y
const COMMENT = /^# (?:TYPE|HELP|UNIT) \S|^# EOF/

/**
 * Parses the text format of Prometheus and OpenMetrics: the samples of the named metrics. Takes linear time: each character is read once.
 * Other work of the process gets its turn in between.
 */
export async function parseMetrics(text: string, names: ReadonlySet<string>, signal?: AbortSignal): Promise<Metrics> {
  const metrics: Metrics = {
    samples: [],
    present: new Set(),
    unparsed: 0,
    outdated: 0,
    isExposition: false,
    hasEnd: false,
  }
  const series = new Series(metrics)
  const turns = new Turns(signal)
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    if (turns.isOver(end - start + 1)) await turns.next()
    if (end > start) addLine(text.slice(start, end), names, series)
  }
  metrics.samples = series.samples()
  return metrics
}

/** The samples by name and labels. A series with two different values has no sample, because nobody knows which value is right. */
class Series {
  readonly metrics: Metrics
  readonly #byKey = new Map<string, Sample | null>()

  constructor(metrics: Metrics) {
    this.metrics = metrics
  }

  add(sample: Sample): void {
    const labels = Object.keys(sample.labels).sort()
    const key = JSON.stringify([sample.name, ...labels.flatMap((label) => [label, sample.labels[label]!])])
    const known = this.#byKey.get(key)
    if (known === undefined) {
      if (this.#byKey.size < MAX_SAMPLES) this.#byKey.set(key, sample)
      return
    }
    this.metrics.unparsed++
    if (known === null || known.value === sample.value) return
    this.metrics.unparsed++
    this.#byKey.set(key, null)
  }

  samples(): Sample[] {
    return [...this.#byKey.values()].filter((sample) => sample !== null)
  }
}

function addLine(line: string, names: ReadonlySet<string>, series: Series): void {
  const { metrics } = series
  if (line.startsWith('#')) {
    metrics.isExposition ||= COMMENT.test(line.slice(0, 100))
    metrics.hasEnd = /^# EOF\s*$/.test(line.slice(0, 100))
    return
  }
  if (line.trim() !== '') metrics.hasEnd = false
  const sample = line.length > MAX_LINE_LENGTH ? undefined : parseSample(line)
  if (sample) metrics.isExposition = true
  const name = sample?.name ?? mentionedName(line)
  if (name === undefined || !names.has(name)) return
  metrics.present.add(name)
  if (!sample || !Number.isFinite(sample.value)) {
    metrics.unparsed++
    return
  }
  if (!isCurrent(sample.time)) metrics.outdated++
  series.add({ name, labels: sample.labels, value: sample.value })
}

/** Whether a value is of now: it has no time of its own, in seconds or milliseconds since 1970, or a recent one. */
function isCurrent(time: number | undefined): boolean {
  if (time === undefined) return true
  const parsed = parseTime(time)
  return parsed !== undefined && 'at' in parsed && Math.abs(Date.now() - parsed.at) <= MAX_AGE_MS
}

/** The name of the metric at the beginning of a malformed line. */
function mentionedName(line: string): string | undefined {
  const start = line.slice(0, 1_000).trimStart()
  NAME.lastIndex = start.startsWith('{"') ? 2 : 0
  return NAME.exec(start)?.[0]
}

/** The sample in a line, with the time that the line has; undefined if the line is not a sample. */
function parseSample(line: string): (Sample & { time: number | undefined }) | undefined {
  let at = afterBlanks(line, 0)
  NAME.lastIndex = at
  let name = NAME.exec(line)?.[0]
  at += name?.length ?? 0
  at = afterBlanks(line, at)
  let labels: Record<string, string> = {}
  if (line[at] === '{') {
    const parsed = parseLabels(line, at + 1)
    if (!parsed) return undefined
    // Prometheus 3 may write the name in quotes: {"http.requests",code="200"}.
    name ??= parsed.quotedName
    labels = parsed.labels
    at = parsed.end
  }
  if (name === undefined) return undefined
  const [value, time, ...more] = withoutExemplar(line, at)
    .split(/[ \t\r]+/)
    .filter((word) => word !== '')
  if (value === undefined || more.length > 0 || (time !== undefined && !Number.isFinite(Number(time)))) return undefined
  const number = toNumber(value)
  if (number === undefined) return undefined
  return { name, labels, value: number, time: time === undefined ? undefined : Number(time) }
}

function withoutExemplar(line: string, from: number): string {
  const exemplar = line.indexOf('#', from)
  return line.slice(from, exemplar < 0 ? line.length : exemplar)
}

function toNumber(text: string): number | undefined {
  // JavaScript accepts 0x10, which is not a number in this format.
  if (/^[+-]?0[a-z]/i.test(text)) return undefined
  if (/^[+-]?(?:inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (/^nan$/i.test(text)) return NaN
  const value = Number(text)
  return Number.isNaN(value) ? undefined : value
}

/** Reads labels up to the closing brace; `end` is the index after it. */
function parseLabels(
  line: string,
  start: number,
): { labels: Record<string, string>; quotedName: string | undefined; end: number } | undefined {
  const labels: [string, string][] = []
  let quotedName: string | undefined
  let at = start
  for (;;) {
    at = afterBlanks(line, at)
    if (line[at] === '}') return { labels: Object.fromEntries(labels), quotedName, end: at + 1 }
    LABEL_NAME.lastIndex = at
    const bare = LABEL_NAME.exec(line)?.[0]
    const quoted = bare === undefined ? parseQuoted(line, at) : undefined
    const label = bare ?? quoted?.text
    if (label === undefined) return undefined
    at = afterBlanks(line, bare === undefined ? quoted!.end : at + bare.length)
    if (line[at] === '=') {
      const value = parseQuoted(line, afterBlanks(line, at + 1))
      if (!value) return undefined
      labels.push([label, value.text])
      at = afterBlanks(line, value.end)
    } else if (quoted) quotedName = quoted.text
    else return undefined
    if (line[at] === ',') at++
    else if (line[at] !== '}') return undefined
  }
}

/** A text in quotes with its escape sequences resolved; `end` is the index after the closing quote. */
function parseQuoted(line: string, start: number): { text: string; end: number } | undefined {
  if (line[start] !== '"') return undefined
  let text = ''
  let copied = start + 1
  for (let i = copied; i < line.length; i++) {
    if (line[i] === '"') return { text: text + line.slice(copied, i), end: i + 1 }
    if (line[i] !== '\\') continue
    text += line.slice(copied, i) + (line[i + 1] === 'n' ? '\n' : (line[i + 1] ?? ''))
    copied = i + 2
    i++
  }
  return undefined
}

function afterBlanks(line: string, from: number): number {
  let at = from
  while (line[at] === ' ' || line[at] === '\t' || line[at] === '\r') at++
  return at
}
