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

const SIZE = 4 * 1024 * 1024
/** A linear parser needs about 250 ms at most on a slow core; a quadratic one needs minutes, so a busy machine decides nothing. */
const MAX_CPU_MS = 1_500

/** Texts that make careless expressions try the same place again and again. */
const TEXTS: Record<string, string> = {
  blanks: ' '.repeat(SIZE),
  'a name and blanks': `a${' '.repeat(SIZE)}x`,
  'blanks around a value': `a ${' '.repeat(SIZE / 2)}1${' '.repeat(SIZE / 2)}x`,
  'open labels': `a{${'x="y",'.repeat(SIZE / 6)}`,
  'an open quote': `a{x="${'\\'.repeat(SIZE)}`,
  'open brackets': '['.repeat(SIZE),
  'open braces': '{"a":'.repeat(SIZE / 5),
  'a long word': 'a'.repeat(SIZE),
  digits: '1'.repeat(SIZE),
  'digits and points': '1.'.repeat(SIZE / 2),
  'digits and colons': '12:'.repeat(SIZE / 3),
  'dashes and letters': 'a-'.repeat(SIZE / 2),
  'at signs': 'a@'.repeat(SIZE / 2),
  'empty lines': '\n'.repeat(SIZE),
  'lines of comments': '#\n'.repeat(SIZE / 2),
  'colour codes': '\u001b['.repeat(SIZE / 2),
  'a list of numbers': `[${'1,'.repeat(SIZE / 2)}1]`,
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
  'the parser of %s takes linear time for 4 MB of %s',
  async (parser, text) => {
    const start = process.cpuUsage()
    await PARSERS[parser]!(TEXTS[text]!)
    const { user, system } = process.cpuUsage(start)
    expect((user + system) / 1_000).toBeLessThan(MAX_CPU_MS)
  },
)
