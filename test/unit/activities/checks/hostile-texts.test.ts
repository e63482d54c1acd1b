import { expect, test } from 'vitest'
import { coerceColumn } from '../../../../activities/checks/coerce-column.ts'
import { normaliseReason } from '../../../../activities/checks/normalise-reason.ts'
import { parseRecord, unwrap } from '../../../../activities/checks/parse-log-line.ts'
import { parseMetrics } from '../../../../activities/checks/parse-metrics.ts'
import { parseTime } from '../../../../activities/checks/parse-time.ts'
import { capResult } from '../../../../activities/limit-result.ts'
import { scrubSecrets } from '../../../../src/config/secret.ts'
import { parseExactJson } from '../../../../src/core/exact-json.ts'
import { parseOutsideJson } from '../../../../src/core/parse-json.ts'

const MB = 1024 * 1024
/** A linear parser needs 4 times as long for 4 times the text, a quadratic one 16 times. */
const MAX_RATIO = 9
/** A shorter measurement says little, because garbage collection and compiling take as long as this. */
const MIN_CPU_MS = 40
const ATTEMPTS = 4

/** Texts on which a badly written regular expression needs quadratic or exponential time. */
const TEXTS: Record<string, (size: number) => string> = {
  blanks: (size) => ' '.repeat(size),
  'a name and blanks': (size) => `a${' '.repeat(size)}x`,
  'blanks around a value': (size) => `a ${' '.repeat(size / 2)}1${' '.repeat(size / 2)}x`,
  'open labels': (size) => `a{${'x="y",'.repeat(size / 6)}`,
  'an open quote': (size) => `a{x="${'\\'.repeat(size)}`,
  'open brackets': (size) => '['.repeat(size),
  'open braces': (size) => '{"a":'.repeat(size / 5),
  'a long word': (size) => 'a'.repeat(size),
  digits: (size) => '1'.repeat(size),
  'digits and points': (size) => '1.'.repeat(size / 2),
  'digits and colons': (size) => '12:'.repeat(size / 3),
  'dashes and letters': (size) => 'a-'.repeat(size / 2),
  'at signs': (size) => 'a@'.repeat(size / 2),
  'empty lines': (size) => '\n'.repeat(size),
  'lines of comments': (size) => '#\n'.repeat(size / 2),
  'colour codes': (size) => '\u001b['.repeat(size / 2),
  'a list of numbers': (size) => `[${'1,'.repeat(size / 2)}1]`,
}
const PARSERS: Record<string, (text: string) => unknown> = {
  metrics: (text) => parseMetrics(text, new Set(['a'])),
  JSON: parseOutsideJson,
  'a log line': (text) => parseRecord(unwrap(text)),
  'a reason': normaliseReason,
  'a time': parseTime,
  'exact numbers in JSON': (text) => {
    try {
      return parseExactJson(text)
    } catch {
      return undefined
    }
  },
  'secrets to hide': scrubSecrets,
  'a result': (text) => capResult({ text, rows: [{ text }], truncated: false }, ['password']),
  'a list of PostgreSQL': (text) => {
    try {
      return coerceColumn('c', text, { list: 'string' }, 25)
    } catch {
      return undefined
    }
  },
}

test.each(Object.keys(PARSERS).flatMap((parser) => Object.keys(TEXTS).map((text) => [parser, text] as const)))(
  'the parser of %s takes for 4 MB of %s about four times as long as for 1 MB',
  async (parser, text) => {
    const cpuOf = async (size: number) => {
      const given = TEXTS[text]!(size)
      const start = process.cpuUsage()
      await PARSERS[parser]!(given)
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1_000
    }
    const ratios: number[] = []
    for (let attempt = 0; attempt < ATTEMPTS && ratios.every((ratio) => ratio > MAX_RATIO); attempt += 1) {
      const least = await cpuOf(MB)
      ratios.push((await cpuOf(4 * MB)) / Math.max(least, MIN_CPU_MS / 4))
    }
    expect(Math.min(...ratios)).toBeLessThanOrEqual(MAX_RATIO)
  },
)
