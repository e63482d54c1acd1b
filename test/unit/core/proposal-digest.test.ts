import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonical, digest } from '../../../src/core/canonical.ts'
import type { Json } from '../../../src/core/json.ts'
import type { Proposal } from '../../../src/core/proposal.ts'

const name = fc.string({ minLength: 1, maxLength: 12 })
const values = fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })

/** Every field of a proposal, with and without the optional ones. */
const proposals = fc.record(
  {
    gate: name,
    incident: name,
    round: fc.nat(),
    planDigest: name,
    remedy: name,
    title: name,
    risk: fc.constantFrom('low', 'medium', 'high'),
    cause: name,
    because: fc.string(),
    actions: fc.array(
      fc.record(
        {
          id: name,
          kind: name,
          target: name,
          with: values,
          preview: fc.record(
            {
              summary: fc.string(),
              rows: fc.array(fc.record({ before: values, after: values }), { maxLength: 2 }),
              count: fc.nat(),
              undo: fc.string(),
              guarantee: fc.string(),
              warning: fc.string(),
              unread: fc.string(),
            },
            { requiredKeys: ['summary'] },
          ),
        },
        { requiredKeys: ['id', 'kind', 'target', 'with', 'preview'] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
    targets: fc.array(fc.record({ key: name, lock: name, item: values }, { requiredKeys: ['key', 'item'] }), {
      minLength: 1,
      maxLength: 3,
    }),
    affected: fc.nat(),
    limits: fc.record(
      { maxTargets: fc.nat(), perHour: fc.nat(), cooldownMs: fc.nat() },
      { requiredKeys: ['maxTargets'] },
    ),
    approval: fc.record({
      auto: fc.boolean(),
      by: fc.array(name, { maxLength: 3 }),
      count: fc.nat(),
      excludeRequester: fc.boolean(),
      validForMs: fc.nat(),
      onTimeout: name,
      escalateTo: fc.array(name, { maxLength: 3 }),
      inPart: fc.boolean(),
    }),
    proposedAt: name,
    expiresAt: name,
  } satisfies Record<keyof Proposal, fc.Arbitrary<unknown>>,
  { noNullPrototype: true },
) as unknown as fc.Arbitrary<Json>

type Path = (string | number)[]

/** The path of every value, at any depth. */
function places(value: Json, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at]
  const inside = Array.isArray(value)
    ? value.flatMap((item, i) => places(item, [...at, i]))
    : Object.entries(value).flatMap(([key, item]) => places(item, [...at, key]))
  return at.length === 0 ? inside : [at, ...inside]
}

/** A copy in which `change` replaced the value at that path; undefined removes it. */
function changed(value: Json, [first, ...rest]: Path, change: (old: Json) => Json | undefined): Json {
  const within = (old: Json) => (rest.length === 0 ? change(old) : changed(old, rest, change))
  if (Array.isArray(value))
    return value.flatMap((item, i) => {
      const next = i === first ? within(item) : item
      return next === undefined ? [] : [next]
    })
  const entries = Object.entries(value as Record<string, Json>).map(
    ([key, item]) => [key, key === first ? within(item) : item] as const,
  )
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined)) as Json
}

const another = (old: Json): Json => {
  // Not `old + 1`, which equals `old` for a very large number.
  if (typeof old === 'number') return Math.abs(old) > 1 ? old / 2 : old + 2
  if (typeof old === 'boolean') return !old
  if (typeof old === 'string') return `${old} `
  if (Array.isArray(old)) return [...old, null]
  return old === null ? 'null' : { ...old, 'one more': null }
}

test('a proposal with any one field changed, added, wrapped or removed has another digest', { timeout: 60_000 }, () => {
  let compared = 0
  fc.assert(
    fc.property(proposals, (proposal) => {
      const approved = digest(proposal)
      expect(digest(JSON.parse(canonical(proposal)) as Json)).toBe(approved)
      for (const place of places(proposal)) {
        for (const change of [another, (old: Json) => [old], () => undefined])
          expect(digest(changed(proposal, place, change)), place.join('.')).not.toBe(approved)
        compared += 1
      }
    }),
    { numRuns: 60 },
  )
  expect(compared).toBeGreaterThan(1_000)
})

test('the digest depends on the order of targets and actions, which is the order of applying them', () => {
  const proposal = { actions: [{ id: 'a' }, { id: 'b' }], targets: [{ key: '1' }, { key: '2' }] }
  expect(digest({ ...proposal, actions: proposal.actions.toReversed() })).not.toBe(digest(proposal))
  expect(digest({ ...proposal, targets: proposal.targets.toReversed() })).not.toBe(digest(proposal))
})
