import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { editYaml } from '../../../src/config/edit-yaml.ts'

const ANA = { token: 'sha256:0a', groups: ['oncall'] }

describe('an entry is added', () => {
  test.each([
    [
      'after the last one, with its indentation, before the comments of what follows',
      'people:\n    # who decides\n    lead: { groups: [a] } # the lead\n\n# next\nauto: []\n',
      'people:\n    # who decides\n    lead: { groups: [a] } # the lead\n    ana: { token: sha256:0a, groups: [oncall] }\n\n# next\nauto: []\n',
    ],
    [
      'after an entry of several lines',
      'people:\n  lead:\n    groups:\n      - a # first\n      - b\nauto: []',
      'people:\n  lead:\n    groups:\n      - a # first\n      - b\n  ana: { token: sha256:0a, groups: [oncall] }\nauto: []',
    ],
    [
      'on one line',
      'people: { lead: { groups: [a] } }\n',
      'people: { lead: { groups: [a] }, ana: { token: sha256:0a, groups: [oncall] } }\n',
    ],
    ['to an empty map', 'people: {} # none\n', 'people: { ana: { token: sha256:0a, groups: [oncall] } } # none\n'],
    [
      'to a key without a value',
      'people: # none\nauto: []\n',
      'people: { ana: { token: sha256:0a, groups: [oncall] } } # none\nauto: []\n',
    ],
    ['with its parent', 'auto: [] # no\n', 'auto: [] # no\npeople: { ana: { token: sha256:0a, groups: [oncall] } }\n'],
    [
      'to a file with CRLF',
      'auto: []\r\npeople:\r\n  lead: {}\r\n',
      'auto: []\r\npeople:\r\n  lead: {}\r\n  ana: { token: sha256:0a, groups: [oncall] }\r\n',
    ],
  ])('%s', (_, before, after) => {
    expect(editYaml(before, [{ path: ['people', 'ana'], value: ANA }])).toBe(after)
  })
})

test.each([
  ['of a map on one line', 'a: { b: 1, c: [2] } # x\n', ['a', 'c'], [3, 'x y'], 'a: { b: 1, c: [3, "x y"] } # x\n'],
  ['of a list on several lines', 'a:\n  - 1 # one\n  - 2\nb: 3\n', ['a'], [], 'a:\n  []\nb: 3\n'],
  ['of a string in quotes', `a: 'old' # x\n`, ['a'], 'yes: no', 'a: "yes: no" # x\n'],
  ['that looks like another type', 'a: 1\n', ['a'], 'true', 'a: "true"\n'],
])('a value %s is replaced', (_, before, path, value, after) => {
  expect(editYaml(before, [{ path, value }])).toBe(after)
  expect(parse(after)).toEqual(parse(editYaml(before, [{ path, value }])))
})

test.each([
  ['the first one', 'a:\n  b: 1 # one\n  # two\n  c: 2\n', ['a', 'b'], 'a:\n  # two\n  c: 2\n'],
  ['the last one', 'a:\n  b: 1\n  c:\n    - 2\nd: 1\n', ['a', 'c'], 'a:\n  b: 1\nd: 1\n'],
  ['one of a line', 'a: { b: 1, c: 2, d: 3 }\n', ['a', 'c'], 'a: { b: 1, d: 3 }\n'],
  ['the last one of a line', 'a: { b: 1, c: 2 }\n', ['a', 'c'], 'a: { b: 1 }\n'],
  ['the only one of a line', 'a: { b: 1 } # x\n', ['a', 'b'], 'a: {} # x\n'],
  ['one that is not there', 'a: { b: 1 }\n', ['a', 'x', 'y'], 'a: { b: 1 }\n'],
])('an entry is removed: %s', (_, before, path, after) => {
  expect(editYaml(before, [{ path }])).toBe(after)
})

test('where no single place can be changed, comments are kept and the value is right', () => {
  const changed = editYaml('a:\n  # only\n  b: 1\nc: 2 # two\n', [{ path: ['a', 'b'] }])
  expect(parse(changed)).toEqual({ a: {}, c: 2 })
  expect(changed).toContain('# two')
})

test.each(['runbook.config.yaml', 'templates/init/runbook.config.yaml'])(
  'in %s only the lines of the change differ',
  (name) => {
    const before = readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
    const after = editYaml(before, [
      { path: ['people', 'ana'], value: ANA },
      { path: ['signing', 'previous'], value: ['ed25519:x'] },
    ])
    const lines = new Set(before.split('\n'))
    expect(after.split('\n').filter((line) => !lines.has(line))).toEqual([
      '  ana: { token: sha256:0a, groups: [oncall] }',
      expect.stringMatching(/^signing: \{ key: '\$\{RUNBOOK_SIGNING_KEY\}', previous: \[ed25519:x\] \}$/),
    ])
  },
)
