import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkPlace,
  formatPlace,
  formatStage,
  parsePlace,
  parseStage,
  recheckPrefix,
  roundOf,
  type Place,
  placesInRounds,
} from '../../../src/core/place.ts'
import { SECTIONS } from '../../../src/language/structure/fields.ts'

const round = fc.integer({ min: 1, max: 1_000_000 })
const number = fc.integer({ min: 1, max: 50 })
/** Target keys, lock names and names of connections may contain any character, including `/` and line breaks. */
const anyText = fc.string({ minLength: 1, unit: 'binary' })
/** Check names and action ids may contain any character but `/`. */
const name = anyText.map((text) => text.replaceAll('/', '.')).filter((text) => text !== 'verdict')
const constant = fc.constantFrom

const stage = fc.oneof(
  fc.record({ at: constant('diagnose' as const, 'verify' as const, 'after' as const), round }),
  fc.record({ at: constant('recheck' as const), round, number }),
  fc.record({ at: constant('diagnose' as const), round, look: number.map((one) => one + 1) }),
  fc.record({ at: constant('wait' as const), round, action: name }),
)

const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ kind: constant('opened' as const, 'acknowledged' as const, 'cancel' as const, 'closed' as const) }),
  fc.record({ kind: constant('check' as const), stage, check: name }),
  fc.record({ kind: constant('recheck' as const), round, number }),
  fc.record({ kind: constant('again' as const), round, look: number.map((one) => one + 1) }),
  fc.record({
    kind: constant('findings', 'proposal', 'gate-unanswered', 'broken-glass', 'stopped', 'verified', 'escalation'),
    round,
  }) as fc.Arbitrary<Place>,
  fc.record({ kind: constant('denied' as const), round, tokenDigest: fc.stringMatching(/^[0-9a-f]{64}$/) }),
  fc.record({ kind: constant('decision' as const, 'withdrawal' as const), round, jti: anyText }),
  fc.record({
    kind: constant('gate-state' as const),
    round,
    state: constant('expired' as const, 'escalated' as const),
  }),
  fc.record({ kind: constant('reminder' as const), round, escalated: fc.boolean() }),
  fc.record({ kind: constant('permit' as const), round, target: anyText }),
  fc.record({
    kind: constant('effect' as const, 'settled' as const, 'unexpected' as const),
    round,
    action: name,
    target: anyText,
  }),
  fc.record({ kind: constant('waiting' as const), round, action: name }),
  fc.record({ kind: constant('breaker' as const), round, connection: anyText }),
)

describe('the text of a place', () => {
  test('is parsed into the same place, whatever characters its names hold', () => {
    fc.assert(
      fc.property(place, (one) => {
        expect(parsePlace(formatPlace(one))).toEqual(one)
      }),
    )
  })

  test('names its round', () => {
    fc.assert(
      fc.property(place, (one) => {
        const expected = one.kind === 'check' ? one.stage.round : 'round' in one ? one.round : undefined
        expect(roundOf(formatPlace(one))).toBe(expected)
      }),
    )
  })

  test('of any other form is parsed into nothing, or into a place with exactly that text', () => {
    const almost = fc
      .array(
        fc.constantFrom(
          'r1',
          'r01',
          'r0',
          'check',
          'recheck1',
          'verify',
          'verdict',
          'wait',
          'effect',
          'gate',
          '',
          'x',
          '/',
        ),
      )
      .map((parts) => parts.join('/'))
    fc.assert(
      fc.property(fc.oneof(almost, fc.string()), (text) => {
        const parsed = parsePlace(text)
        expect(parsed ? formatPlace(parsed) : text).toBe(text)
      }),
    )
  })

  // These texts are stored in incidents: changing one would lose what was recorded there.
  test.each<[Place, string]>([
    [{ kind: 'check', stage: { at: 'diagnose', round: 1 }, check: 'jobs' }, 'r1/check/jobs'],
    [{ kind: 'check', stage: { at: 'recheck', round: 1, number: 2 }, check: 'jobs' }, 'r1/recheck2/jobs'],
    [
      { kind: 'check', stage: { at: 'wait', round: 1, action: '0-sql.update' }, check: 'jobs' },
      'r1/wait/0-sql.update/jobs',
    ],
    [{ kind: 'check', stage: { at: 'verify', round: 1 }, check: 'after' }, 'r1/verify/after'],
    [{ kind: 'check', stage: { at: 'after', round: 1 }, check: 'jobs' }, 'r1/after/jobs'],
    [{ kind: 'recheck', round: 12, number: 3 }, 'r12/recheck3'],
    [{ kind: 'findings', round: 1 }, 'r1/findings'],
    [{ kind: 'proposal', round: 1 }, 'r1/proposal'],
    [{ kind: 'gate-unanswered', round: 1 }, 'r1/gate'],
    [{ kind: 'gate-state', round: 1, state: 'expired' }, 'r1/gate/expired'],
    [{ kind: 'reminder', round: 1, escalated: false }, 'r1/gate/reminder'],
    [{ kind: 'reminder', round: 1, escalated: true }, 'r1/gate/reminder2'],
    [{ kind: 'denied', round: 1, tokenDigest: 'ab' }, 'r1/denied/ab'],
    [{ kind: 'decision', round: 1, jti: 'j' }, 'r1/decision/j'],
    [{ kind: 'withdrawal', round: 1, jti: 'j' }, 'r1/withdrawal/j'],
    [{ kind: 'broken-glass', round: 1 }, 'r1/broken-glass'],
    [{ kind: 'permit', round: 1, target: 'run/7' }, 'r1/permit/run/7'],
    [{ kind: 'effect', round: 1, action: '0-sql.update', target: 'run/7' }, 'r1/effect/0-sql.update/run/7'],
    [{ kind: 'settled', round: 1, action: '0-sql.update', target: 'a' }, 'r1/settled/0-sql.update/a'],
    [{ kind: 'unexpected', round: 1, action: '0-sql.update', target: 'a' }, 'r1/expect/0-sql.update/a'],
    [{ kind: 'waiting', round: 1, action: '0-sql.update' }, 'r1/waiting/0-sql.update'],
    [{ kind: 'stopped', round: 1 }, 'r1/stopped'],
    [{ kind: 'verified', round: 1 }, 'r1/verify/verdict'],
    [{ kind: 'breaker', round: 1, connection: 'maestro-db' }, 'r1/breaker/maestro-db'],
    [{ kind: 'escalation', round: 1 }, 'r1/escalation'],
    [{ kind: 'opened' }, 'opened'],
    [{ kind: 'acknowledged' }, 'acknowledged'],
    [{ kind: 'cancel' }, 'cancel'],
    [{ kind: 'closed' }, 'closed'],
  ])('%j is stored as %s', (one, text) => {
    expect(formatPlace(one)).toBe(text)
    expect(parsePlace(text)).toEqual(one)
  })

  test('of a check begins with the text of its stage, and of a re-check with the prefix of all re-checks', () => {
    fc.assert(
      fc.property(stage, name, (at, check) => {
        const text = formatPlace({ kind: 'check', stage: at, check })
        expect(text).toBe(checkPlace(formatStage(at), check))
        expect(parseStage(formatStage(at))).toEqual(at)
        expect(text.startsWith(recheckPrefix(at.round))).toBe(at.at === 'recheck')
      }),
    )
  })
})

test('the places of one kind cover every round that the language allows', () => {
  const places = placesInRounds('verified')
  expect(SECTIONS.rounds.fields['total']!.form).toMatchObject({ int: { max: places.length } })
  expect(places.map((text) => parsePlace(text))).toEqual(places.map((_, i) => ({ kind: 'verified', round: i + 1 })))
})
