import { expect, test } from 'vitest'
import { depthOf } from '../../../src/http/json-depth.ts'

test.each([
  ['1', 0],
  ['{"a":[1,{"b":[]}],"c":{}}', 4],
  [String.raw`{"a":"[[[\"[[[\\","b":["]"]}`, 2],
  ['['.repeat(30_000), 30_000],
  [']]]][', 0],
])('%#: the depth of a JSON text', (text, depth) => {
  expect(depthOf(text)).toBe(depth)
})
