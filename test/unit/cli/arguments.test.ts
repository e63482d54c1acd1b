import { expect, test } from 'vitest'
import { parseIncidentId } from '../../../src/cli/incident-id.ts'
import { parseEffect } from '../../../src/cli/effect-name.ts'
import { collectInput } from '../../../src/cli/inputs.ts'
import { parseTargets } from '../../../src/cli/targets-option.ts'

test.each(['142', 'inc-142', 'INC-142', ' Inc-142 '])('%s is read as INC-142', (text) =>
  expect(parseIncidentId(text)).toBe('INC-142'),
)

test.each(['', '0', '-1', '1.5', 'INC', 'INC-', 'INC-142.r1', '../142', '1e3'])('%j is not an incident id', (text) =>
  expect(() => parseIncidentId(text)).toThrow('Write it as INC-142 or 142'),
)

test('the value of an input is everything after the first =, and may be empty', () => {
  const inputs = collectInput('run=', collectInput('where=a=b c'))
  expect(inputs).toEqual({ where: 'a=b c', run: '' })
})

test.each(['foo', '=5s', '1a=2'])('%j is not an input', (text) =>
  expect(() => collectInput(text)).toThrow('name=value'),
)

test('giving an input twice is an error', () => {
  expect(() => collectInput('a=1', { a: '2' })).toThrow('a is given twice')
})

test('targets are separated by commas, and duplicates are dropped', () => {
  expect(parseTargets('run-7, run-8,,run-7')).toEqual(['run-7', 'run-8'])
  expect(() => parseTargets(' , ')).toThrow('at least one target')
})

test('an effect is an action and a target, and the target may contain slashes', () => {
  expect(parseEffect('0-sql.update/run-7')).toEqual({ action: '0-sql.update', target: 'run-7' })
  expect(parseEffect('0-sql.update/a/b')).toEqual({ action: '0-sql.update', target: 'a/b' })
  expect(parseEffect('1-process.run/-')).toEqual({ action: '1-process.run', target: '-' })
})

test.each(['0-sql.update', '/run-7', '0-sql.update/', ''])('%j is not an effect', (text) =>
  expect(() => parseEffect(text)).toThrow('Write it as action/target'),
)
