import fc from 'fast-check'
import { expect, test } from 'vitest'
import { envFileLine, parseEnvFile } from '../../../src/config/environment.ts'

test.each([
  ['A=1', '1'],
  ['export A=1', '1'],
  ['  A=  1  ', '1'],
  ['A=', ''],
  ['A=   ', ''],
  ['A="x y"', 'x y'],
  ["A='x y'", 'x y'],
  ['A="x y" # a comment', 'x y'],
  ['A=pass#word # not a comment', 'pass#word # not a comment'],
  ['A=sha256:abc==', 'sha256:abc=='],
  ['A=${HOME}', '${HOME}'],
  ['A="x\\ny"', 'x\\ny'],
])('%s gives A the value %s, and the next line is another variable', (line, value) => {
  expect(parseEnvFile(`# a comment\n\n${line}\r\nB=2`)).toEqual({ A: value, B: '2' })
})

test('lines that set no variable are skipped', () => {
  expect(parseEnvFile('A\nB C=1\n=2\n#D=3\nE=4')).toEqual({ E: '4' })
})

test('a variable may be named __proto__', () => {
  expect(Object.entries(parseEnvFile('__proto__=1'))).toEqual([['__proto__', '1']])
})

test('every value is read back exactly as it was written', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'ab "\'`#=\\$\t\u00a0\u2028') })), (values) => {
      const lines = values.map((value, index) => envFileLine(`V${index}`, value))
      expect(Object.values(parseEnvFile(lines.join('\n')))).toEqual(values)
    }),
  )
})

test('a value with a line break is refused, since it would set another variable', () => {
  expect(() => envFileLine('A', 'x\nRUNBOOK_TOKEN=mine')).toThrow('A contains a line break')
})
