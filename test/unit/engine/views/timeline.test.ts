import { describe, expect, test } from 'vitest'
import { timelineEntry } from '../../../../src/engine/views/timeline.ts'
import type { EventRow } from '../../../../src/history/incidents.ts'

function sentence(kind: string, data: EventRow['data'], change: Partial<EventRow> = {}): string {
  return timelineEntry({ seq: 1, at: '', actor: 'person:lead', kind, place: null, hash: '', data, ...change }).text
}

describe('a sentence of the timeline', () => {
  test.each([
    [
      'decision',
      { decision: 'approve', gate: 'INC-1.r1', targets: ['a', 'b'], comment: 'go' },
      'lead approved INC-1.r1 for a, b: go',
    ],
    ['denied', { decision: 'approve', gate: 'INC-1.r1', why: 'no' }, 'refused: lead may not approve INC-1.r1: no'],
    ['denied', { gate: 'INC-1.r1', why: 'unknown key' }, 'refused a token that came for INC-1.r1: unknown key'],
    [
      'effect',
      { action: '0-sql.update', target: 'a', result: 'applied', detail: '1 row' },
      '0-sql.update on a: applied, 1 row',
    ],
    [
      'recheck',
      { targets: ['a'], skipped: { b: 'is well' } },
      'checked again: 1 target still qualifies; b skipped (is well)',
    ],
    ['something new', { a: 1 }, 'something new {"a":1}'],
    ['constructor', { a: 1 }, 'constructor {"a":1}'],
  ])('of %s %j', (kind, data, text) => {
    expect(sentence(kind, data)).toBe(text)
  })

  test('is one line of bounded length that steers no terminal', () => {
    const text = sentence('note', { body: `one\n\ttwo\u001b[31m\u202e\u0000${'x'.repeat(9_000)}` })
    expect(text).toMatch(/^lead: one two\\u\{1b\}\[31m\\u\{202e\}\\u\{0\}x+…$/)
    expect(text.length).toBeLessThan(1_010)
  })

  test('is said somehow also of an event that does not hold what its kind should', () => {
    for (const kind of ['findings', 'check', 'proposal', 'recheck', 'escalation', 'verified', 'gate'])
      expect(sentence(kind, { odd: true })).toBeTypeOf('string')
    expect(sentence('findings', { round: 1, findings: 7 })).toBe(
      'findings {"findings":7,"round":1}'.replace('{"findings":7,"round":1}', '{"round":1,"findings":7}'),
    )
  })
})
