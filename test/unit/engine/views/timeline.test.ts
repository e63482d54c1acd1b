import { describe, expect, test } from 'vitest'
import type { EventData, EventKind } from '../../../../src/core/events.ts'
import type { JsonObject } from '../../../../src/core/json.ts'
import { parseEvent } from '../../../../src/core/parse-event.ts'
import { timelineEntry } from '../../../../src/engine/views/timeline.ts'

/** The sentence of an event that `person:lead` caused, with this stored data. */
function storedSentence(kind: string, data: JsonObject): string {
  const body = JSON.stringify({ actor: 'person:lead', kind, data })
  return timelineEntry({ ...parseEvent(body), seq: 1, at: '', hash: '' }).text
}

function sentence<K extends EventKind>(kind: K, data: EventData[K]): string {
  return storedSentence(kind, data)
}

describe('a sentence of the timeline', () => {
  test('says who decided what, for which targets, and why', () => {
    const decision = { gate: 'INC-1.r1', person: 'lead', proposalDigest: 'd', jti: 'j' }
    const approved = { ...decision, decision: 'approve' as const, targets: ['a', 'b'], comment: 'go' }
    expect(sentence('decision', approved)).toBe('lead approved INC-1.r1 for a, b: go')
    const denied = { gate: 'INC-1.r1', code: 'RUNBOOK_CONFLICT', why: 'no' }
    expect(sentence('denied', { ...denied, decision: 'approve' })).toBe('refused: lead tried to approve INC-1.r1: no')
    expect(sentence('denied', denied)).toBe('refused a signed token for INC-1.r1: no')
  })

  test('says what was applied to a target', () => {
    const effect = {
      gate: 'INC-1.r1',
      action: '0-sql.update',
      target: 'a',
      result: 'applied' as const,
      detail: '1 row',
    }
    expect(sentence('effect', effect)).toBe('0-sql.update on a: applied, 1 row')
  })

  test('says which targets no longer qualify, and why', () => {
    const recheck = { round: 1, holds: true as const, because: '', targets: ['a'], skipped: { b: 'has recovered' } }
    expect(sentence('recheck', recheck)).toBe('re-checked: 1 target still qualifies; b skipped (has recovered)')
  })

  test('is one line of bounded length without control characters', () => {
    const text = sentence('note', { body: `one\n\ttwo\u001b[31m\u202e\u0000${'x'.repeat(9_000)}` })
    expect(text).toMatch(/^lead: one two\\u\{1b\}\[31m\\u\{202e\}\\u\{0\}x+…$/)
    expect(text.length).toBeLessThan(1_010)
  })

  test.each(['something new', 'constructor'])('shows an event of the unknown kind "%s" as it is', (kind) => {
    expect(storedSentence(kind, { a: 1 })).toBe(`${kind} {"a":1}`)
  })

  test('shows an event as it is, and says so, when its data does not have the fields of its kind', () => {
    for (const kind of ['findings', 'check', 'proposal', 'recheck', 'escalation', 'verified', 'gate'])
      expect(storedSentence(kind, { odd: true })).toBe(
        `this event cannot be read; its stored text is: ${kind} {"odd":true}`,
      )
    expect(storedSentence('findings', { round: 1, findings: 7 })).toBe(
      'this event cannot be read; its stored text is: findings {"round":1,"findings":7}',
    )
  })
})
